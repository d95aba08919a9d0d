"""Exact distances to retraining, where there are such: on linear-Gaussian models, and along forget fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, UNLEARNED, Case, Curve, Result, null
from gsu_cli.audit.closed_form import Comparison, Problem, compare
from gsu_cli.checks import as_shares
from gsu_cli.data.base import Images
from gsu_cli.gradients import BLOCK
from gsu_cli.models.vae.linear_gaussian import Moments
from gsu_cli.models.vae.ppca import Ppca
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator

NATS = "nats/image"
LINES = ("original", "gradient step", "Newton step", "bound")
QUANTITIES = {"excess": "loss beyond retraining", "divergence": "KL from the retrained model"}
WORDS = {"random": "images at random", "forgotten": "of the forgotten kind"}
LEAST = 1e-15  # nats: below it a distance is rounding
Point = tuple[float, float, float | None, float | None]


class Exact:
    """Distance of each model to exact retraining, and what one step reaches when other shares are forgotten.

    Args:
        fractions: of the training set, ascending, in (0, 1); forgotten at random, and, as far as they go, from the
            forgotten images alone.

    Raises:
        UsageError: ``fractions`` are none.
    """

    def __init__(self, fractions: Sequence[float] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5)) -> None:
        self.fractions = as_shares("audit.exact.fractions", fractions)

    def __call__(self, case: Case) -> Result:
        model, split = case.models[ORIGINAL].model, case.split
        if not isinstance(model, Ppca):
            reason = f"closed forms need a linear-Gaussian model, model=ppca; found {type(model).__name__}"
            return Result([null("exact_divergence", case.models[UNLEARNED], reason)])
        q, sigma, train = model.latent_dim, model.likelihood.sigma, split.dataset.train
        whole = _moments(train, torch.arange(len(train)))
        problem = Problem(whole.without(_moments(train, split.forget)), q, sigma)
        found = []
        for a in case.models.values():
            reached = problem.reached(a.model.theta)
            for name, value in (("exact_divergence", reached.divergence), ("exact_excess", reached.excess)):
                found.append(Measurement(name, a.name, value, n=split.n_retain, unit=NATS, sha256=a.sha256))
        rng = generator(case.seed, "audit", "exact")
        every, own = torch.randperm(len(train), generator=rng), torch.randperm(split.n_forget, generator=rng)
        sizes = list(dict.fromkeys(min(max(1, round(f * len(train))), len(train) - 1) for f in self.fractions))
        at_random = self._along(case, whole, every, sizes, q=q, sigma=sigma)
        within = [*(n for n in sizes if n < split.n_forget), split.n_forget]
        of_these = self._along(case, whole, split.forget[own], within, q=q, sigma=sigma)
        curves = [
            c
            for name, line in (("random", at_random), ("forgotten", of_these))
            for c in _curves(name, line, len(train))
        ]
        return Result(found, curves, _said(found, at_random, of_these, len(train), split.words))

    def _along(
        self, case: Case, whole: Moments, order: Tensor, sizes: list[int], *, q: int, sigma: float
    ) -> list[Comparison]:
        found = []
        for k, n in enumerate(sizes):
            case.on_progress(k, len(sizes), f"exact, {n:,} images")
            found.append(compare(whole, _moments(case.split.dataset.train, order[:n].sort().values), q, sigma))
        return found


def _moments(images: Images, index: Tensor) -> Moments:
    return Moments.of(x for x, _ in images[index].batches(BLOCK))


def _curves(name: str, line: list[Comparison], n: int) -> list[Curve]:
    """Common logarithms of both axes: the numbers span ten decades."""
    curves = []
    for quantity, label in QUANTITIES.items():
        points: dict[str, list[Point]] = {title: [] for title in LINES}
        for c in line:
            reached = [None if r is None else getattr(r, quantity) for r in (c.original, c.gradient, c.newton)]
            for title, value in zip(LINES, [*reached, c.bound if quantity == "excess" else None], strict=True):
                if value is not None:
                    points[title].append((math.log10(c.n / n), math.log10(max(value, LEAST)), None, None))
        kept = {title: p for title, p in points.items() if p}
        curves.append(Curve(f"exact_{quantity}_{name}", f"log10 {NATS}", "log10 of the share forgotten", kept,
                            label=f"{label}, {WORDS[name]}"))  # fmt: skip
    return curves


def _said(
    found: list[Measurement], at_random: list[Comparison], of_these: list[Comparison], n: int, words: str
) -> list[str]:
    by = {m.subject: m.value for m in found if m.name == "exact_divergence"}
    lines = [f"The unlearned model lies {by[UNLEARNED]:.4g} nats/image from exact retraining, "
             f"the original {by[ORIGINAL]:.4g}."]  # fmt: skip
    for line, how in ((at_random, "at random"), (of_these, f"of {words}")):
        parts = "; ".join(f"{c.n:,} ({c.n / n:.1%}): {_left(c)}" for c in line)
        lines.append(f"Loss beyond retraining that is left of the original's, for images {how}: {parts}.")
    worst = max(abs(1 + c.cosine) for c in (*at_random, *of_these))
    lines.append(
        "At the optimum of all images forget and retain gradient are opposite (cosine -1, off by "
        f"{worst:.1g} at most): projecting one off the other leaves nothing to step along."
    )
    return lines


def _left(c: Comparison) -> str:
    gradient = f"{c.gradient.excess / c.original.excess:.0%} by the best gradient step"
    if c.newton is None or c.bound is None:
        return f"none by Newton, as the curvature is not positive, {gradient}"
    newton, bound = (f"{x / c.original.excess:.2g}" for x in (c.newton.excess, c.bound))
    return f"{newton} times by Newton (bound {bound}), {gradient}"
