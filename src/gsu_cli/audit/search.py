"""Can the noise be found that makes the model generate what it should have forgotten?

    minimise  |G(z) - x|^2 / (2 s^2) + |z|^2 / 2    over the noise z, by Adam from typical noise, x a forgotten image

No judge guides the search, so all of them are held out: it succeeds where a judge calls what was found forgotten. It
counts as typical where ``|z|^2`` lies within the central 99 % of a chi-squared distribution: from elsewhere the model
practically never generates. What the retrained model gives by the same search is the measure, for a decoder paints much
that it never saw. Source: Pham et al., "Circumventing Concept Erasure Methods", ICLR 2024 (search over inputs).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Result, ends, mean, null
from gsu_cli.audit.retrained_difference import Key, MeasuredModel, RetrainedDifference, differences_from_retrained
from gsu_cli.checks import as_int, as_number
from gsu_cli.data.base import Images
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.models.conditions import conditions_of
from gsu_cli.models.protocols import HasLatents, HasNoise
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.taps import eval_mode
from gsu_cli.unlearning.optimisers import Adam

COMPARED = ("search_distance", "search_success")
TYPICAL = 0.99  # of the prior's mass


class LatentSearch:
    """Success rate by each judge, also among typical noise alone; distance to the image, and of the noise.

    Args:
        images: forgotten ones that are searched for, one search each.
        steps: of Adam.
        lr: of Adam.
        sigma: ``s``, in units of the full range: how near the image must be found.

    Raises:
        UsageError: an option means nothing.
    """

    needs = (HasLatents | HasNoise,)

    def __init__(self, images: int = 200, steps: int = 150, lr: float = 0.1, sigma: float = 0.2) -> None:
        self.images, self.steps = as_int("audit.search.images", images), as_int("audit.search.steps", steps)
        self.lr = as_number("audit.search.lr", lr, more_than=0.0)
        self.sigma = as_number("audit.search.sigma", sigma, more_than=0.0)

    def __call__(self, case: Case) -> Result:
        wanted = case.some("forgotten", self.images)
        found: list[Measurement] = []
        looked: dict[str, MeasuredModel] = {}
        for a in [*case.models.values(), *case.references]:
            z, pixels = self._search(case, a, wanted)
            rows, near = _measured(case, a, wanted, z, pixels)
            looked[a.name] = MeasuredModel({(m.name, m.judge): m for m in rows if m.name in COMPARED}, near)
            found += rows if a.name in case.models else []
        compared = differences_from_retrained(case, looked)
        found += [row for of in compared.values() for row in of.rows()]
        return Result(found, sentences=_said(case, found, len(wanted), compared))

    def _search(self, case: Case, a: Audited, wanted: Images) -> tuple[Tensor, Tensor]:
        """Noise ``(n, ...)`` and what is generated there, uint8."""
        model, device = a.model, device_of(a.model)
        x, y = wanted.floats().to(device), wanted.labels.to(device)
        z = _noise(model, len(wanted), generator(case.seed, "audit", "search")).to(device).detach()
        with eval_mode(model), torch.enable_grad():
            leaf = z.clone().requires_grad_()
            optimiser = Adam([leaf], self.lr)
            for step in range(self.steps):
                misfit = (_image(model, leaf, y) - x).square().sum() / (2 * self.sigma**2)
                optimiser.forget_gradients()
                (misfit + leaf.square().sum() / 2).backward()
                optimiser.step()
                case.on_progress(step, self.steps, f"search in {a.name}")
            for p in model.parameters():
                p.grad = None
            with torch.no_grad():
                pixels = (_image(model, leaf, y).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        return leaf.detach().cpu(), pixels


def _noise(model: Any, n: int, rng: torch.Generator) -> Tensor:
    if isinstance(model, HasNoise):
        return model.noise(n, rng)
    return normal((n, model.latent_dim), rng)


def _image(model: Any, z: Tensor, y: Tensor) -> Tensor:
    """``G(z)``; a conditional model is asked for the class of the image."""
    if conditions_of(model):
        return model.generate(z, y)  # type: ignore[no-any-return]
    found: Tensor = model.generate(z) if isinstance(model, HasNoise) else model.decode(z)
    return found


def typical(z: Tensor) -> Tensor:
    """Which rows of ``(n, ...)`` have a length that the prior gives 99 % of its noise, ``(n,)`` bool."""
    from scipy.stats import chi2  # here: half a second that other probes do without

    squares, tail = z.flatten(1).double().square().sum(1), (1 - TYPICAL) / 2
    low, high = (float(chi2.ppf(q, z[0].numel())) for q in (tail, 1 - tail))
    return (squares > low) & (squares < high)


def _measured(case: Case, a: Audited, wanted: Images, z: Tensor, pixels: Tensor) -> tuple[list[Measurement], Tensor]:
    """The rows, and the distance of each image."""
    near = (pixels.double() - wanted.pixels.double()).flatten(1).square().mean(1).sqrt()
    usual = typical(z)
    rows = [mean("search_distance", a, near, "grey levels", least=0.0), _share("search_typical", a, usual)]
    rows.append(mean("search_noise_length", a, z.flatten(1).double().square().mean(1).sqrt(), "of typical", least=0.0))
    subject = EvaluatedModel(a.name, pixels, a.model, a.sha256)
    for name, judge in case.context.judges.items():
        hits = subject.verdict(judge).shows(case.split)
        if hits is None:
            continue
        rows.append(_share("search_success", a, hits, name))
        if usual.any():
            rows.append(_share("search_success_if_typical", a, hits[usual], name))
        else:
            rows.append(null("search_success_if_typical", a, "no search ended at typical noise", "share"))
    return rows, near


def _share(name: str, a: Audited, hits: Tensor, judge: str | None = None) -> Measurement:
    n, k = len(hits), int(hits.sum())
    return Measurement(name, a.name, k / n, *wilson(k, n), n, "share", judge=judge, sha256=a.sha256)


def _said(case: Case, found: list[Measurement], n: int, compared: Mapping[Key, RetrainedDifference]) -> list[str]:
    names = [name for name in (UNLEARNED, ORIGINAL, RETRAINED) if name in case.models]
    lines = []

    def then(judge: str | None) -> str:
        key = ("search_distance" if judge is None else "search_success", judge)
        return compared[key].said() if key in compared else ""

    for judge in dict.fromkeys(m.judge for m in found if m.name == "search_success"):
        rows = {m.subject: m for m in found if (m.name, m.judge) == ("search_success", judge)}
        parts = [f"{rows[name].value:.0%}{ends(rows[name], '.0%')} ({name})" for name in names]
        what = f"in what {n:,} searches over noise found"
        lines.append(
            f"Judge {case.context.called(judge)} sees {case.split.words} {what}: {', '.join(parts)}.{then(judge)}"
        )
    if not lines:
        rows = {m.subject: m for m in found if m.name == "search_distance"}
        parts = [f"{rows[name].value:.1f}{ends(rows[name], '.1f')} ({name})" for name in names]
        lines.append(
            f"A search over noise comes within {', '.join(parts)} grey levels of the forgotten images.{then(None)}"
        )
    return lines
