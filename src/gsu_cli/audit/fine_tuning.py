"""Does it come back? Curves over steps of fine-tuning, for the unlearned model, the retrained one and the original.

Two probes: `Rebound` trains on retained images alone, `Relearning` gives a few forgotten images back and mixes them
with retained ones. What was only hidden comes back faster than in a model that never knew it. Sources: the tests of
relearning in Tarun et al., arXiv 2111.08947, and of rebound by fine-tuning in Hu et al., arXiv 2406.13356.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch

from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Curve, Result, mean
from gsu_cli.audit.retrained_difference import Key, MeasuredModel, RetrainedDifference, differences_from_retrained
from gsu_cli.checks import as_int, as_ints, as_number
from gsu_cli.data.base import Images, to_float
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.metrics.feature_ratio import RATIO
from gsu_cli.models.frozen import thaw, trainable
from gsu_cli.models.model import copied
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import device_of
from gsu_cli.unlearning.optimisers import Adam

LOSS = "loss"
LABELS = {"feature_ratio": "feature ratio", "loss": "loss of the forgotten images"}
Batch = Callable[[int], Images]
Point = tuple[float, float, float | None, float | None]
Lines = dict[Key, dict[str, list[Point]]]


class _FineTuning:
    """A curve of the feature ratio (each judge) and of the loss of forgotten images, at each of ``at`` steps."""

    name: str
    returns: ClassVar[bool] = False
    """Whether it is asked what comes back by itself."""

    def __init__(self, at: Sequence[int], samples: int, lr: float, batch: int) -> None:
        group = f"audit.{self.name}"
        self.at = as_ints(f"{group}.at", at)
        if tuple(sorted(set(self.at))) != self.at:
            raise UsageError(f"`{group}.at` must ascend", found=at, way_out=f"For example {group}.at=[50,200]")
        self.samples = as_int(f"{group}.samples", samples, 2)
        self.batch = as_int(f"{group}.batch", batch, 2)
        self.lr = as_number(f"{group}.lr", lr, more_than=0)

    def batches(self, case: Case) -> Batch:
        """The images of a step."""
        raise NotImplementedError

    def __call__(self, case: Case) -> Result:
        batches, end = self.batches(case), self.at[-1]
        lines: Lines = {}
        found: list[Measurement] = []
        first: MeasuredModel | None = None
        last: dict[str, MeasuredModel] = {}
        for name in (UNLEARNED, RETRAINED, ORIGINAL):
            if name not in case.models:
                continue
            for step, model in self._steps(case, case.models[name], batches):
                looked = self._looked(case, case.models[name], model)
                for key, m in looked.rows.items():
                    if m.value is not None:
                        lines.setdefault(key, {}).setdefault(name, []).append((step, m.value, m.low, m.high))
                    if step in (0, end):
                        found.append(replace(m, name=f"{m.name}_after_{step}"))
                if step == end:
                    last[name] = looked
                elif step == 0 and name == UNLEARNED:
                    first = looked
        for r in case.references:
            for step, model in self._steps(case, r, batches):
                if step == end:
                    last[r.name] = self._looked(case, r, model)
        compared = differences_from_retrained(case, last, first)
        for key in compared:
            found += [replace(m, name=f"{m.name}_after_{end}") for m in compared[key].rows()]
        units = {"feature_ratio": "share"}
        loss = loss_unit(case.models[ORIGINAL].model)
        curves = [
            Curve(f"{self.name}_{quantity}", units.get(quantity, loss), "steps", points, judge, LABELS[quantity])
            for (quantity, judge), points in lines.items()
        ]
        return Result([_named(m, self.name) for m in found], curves, self.said(case, lines, compared))

    def _steps(self, case: Case, a: Audited, batches: Batch) -> Any:
        """``(step, model)`` at step 0 and at each of ``at``; the model is a copy that goes on changing."""
        model = copied(a.model)
        yield 0, model.eval()
        thaw(model)
        own = dict(model.named_parameters())
        optimiser = Adam([own[k] for k in trainable(model)], self.lr)  # AdamW but for the decay
        device, noise = device_of(model), generator(case.seed, "audit", self.name, "noise")
        for step in range(1, self.at[-1] + 1):
            model.train()
            images = batches(step).to(device)
            loss = model.loss(to_float(images.pixels), images.labels, noise).mean()
            optimiser.forget_gradients()
            loss.backward()
            optimiser.step()
            case.on_progress(step, self.at[-1], f"{self.name} of {a.name}")
            if step in self.at:
                yield step, model.eval()

    def _looked(self, case: Case, a: Audited, model: Any) -> MeasuredModel:
        losses = case.losses_of(model, case.images("forgotten"), "forgotten")
        rows = [mean(LOSS, a, losses, loss_unit(model))]
        if case.split.target_classes or case.split.target_attribute is not None:
            subject = EvaluatedModel(a.name, case.samples(model, self.samples).pixels, model, a.sha256)
            for judge in case.context.judges.values():
                hits = subject.verdict(judge).shows(case.split)
                if hits is not None:
                    rows.append(RATIO.share(subject, judge, hits))
        return MeasuredModel({(m.name, m.judge): m for m in rows}, losses)

    def said(self, case: Case, lines: Lines, compared: Mapping[Key, RetrainedDifference]) -> list[str]:
        """A line a judge, or one on the loss where there is none: what the models show, and how they compare."""
        what = f"After {self.at[-1]} steps {self.meaning(case)}"

        def then(key: Key) -> str:
            return compared[key].said(self.returns) if key in compared else ""

        ratios = [(key, points) for key, points in lines.items() if key[0] == "feature_ratio"]
        if not ratios:
            ((key, points),) = [(k, p) for k, p in lines.items() if k[0] == LOSS]
            parts = [f"{name} {p[0][1]:.4g} -> {p[-1][1]:.4g}" for name, p in points.items()]
            return [f"{what} the loss of the forgotten images goes {', '.join(parts)}.{then(key)}"]
        return [
            f"{what} judge {case.context.called(str(key[1]))} sees {case.split.words} in "
            + ", ".join(f"{p[-1][1]:.1%} of samples ({name}, {p[0][1]:.1%} before)" for name, p in points.items())
            + f".{then(key)}"
            for key, points in ratios
        ]

    def meaning(self, case: Case) -> str:
        """What the steps are on, in words."""
        raise NotImplementedError


def _named(m: Measurement, probe: str) -> Measurement:
    return replace(m, name=f"{probe}_{m.name}")


class Rebound(_FineTuning):
    """Fine-tuning on retained images alone.

    Args:
        at: steps at which it is measured, ascending.
        samples: for the feature ratio.
        lr: of Adam.
        batch: images a step.
    """

    name, returns = "rebound", True

    def __init__(self, at: Sequence[int] = (50, 200), samples: int = 1000, lr: float = 3e-4, batch: int = 128) -> None:
        super().__init__(at, samples, lr, batch)

    def meaning(self, case: Case) -> str:
        return "on retained images alone"

    def batches(self, case: Case) -> Batch:
        images = case.split.dataset.train
        retain, seed = case.split.retain, case.seed

        def of(step: int) -> Images:
            rng = generator(seed, "audit", self.name, step)
            return images[retain[torch.randint(len(retain), (self.batch,), generator=rng)]]

        return of


class Relearning(_FineTuning):
    """Fine-tuning where every batch is half retained images, half of the few forgotten ones that are given back.

    Args:
        at, samples, lr, batch: as of `Rebound`.
        given: forgotten images given back; all of them where they are fewer.
    """

    name = "relearning"

    def __init__(
        self,
        at: Sequence[int] = (50, 200),
        samples: int = 1000,
        lr: float = 3e-4,
        batch: int = 128,
        given: int = 50,
    ) -> None:
        super().__init__(at, samples, lr, batch)
        self.given = as_int("audit.relearning.given", given)

    def meaning(self, case: Case) -> str:
        n = min(self.given, len(case.split.different))
        return f"with {n:,} forgotten image{'s' * (n != 1)} given back"

    def batches(self, case: Case) -> Batch:
        images, s, seed = case.split.dataset.train, case.split, case.seed
        order = torch.randperm(len(s.different), generator=generator(seed, "audit", self.name, "given"))
        few = s.different[order[: self.given]]

        def of(step: int) -> Images:
            rng = generator(seed, "audit", self.name, step)
            half = self.batch // 2
            back = few[torch.randint(len(few), (half,), generator=rng)]
            kept = s.retain[torch.randint(len(s.retain), (self.batch - half,), generator=rng)]
            return images[torch.cat([back, kept])]

        return of
