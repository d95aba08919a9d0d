"""Gained: what retained samples turn into at the same latents, by each judge and, since judges can be blind, by pixels.

    gained = |{i: no before, yes after}| / |{i: no before}|,   moved = |{i: |x_i' - x_i| > s}| / n,
    s = median_i min_{j != i} |x_i - x_j|   over the original's retained samples

Redirecting samples of what is forgotten can drag neighbours along, some of them into the very thing. A ratio does not
see it: it counts what is there after, not where it came from.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_int
from gsu_cli.data.split import Split
from gsu_cli.evaluation.intervals import counts95, wilson
from gsu_cli.evaluation.samples import pixel_distance
from gsu_cli.judges.base import AttributeVerdict, Verdict
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement

GAINED = Kind("gained", "retained samples that gained it", "cost", "share", "lower", "aside")
MOVED = Kind("retained_moved", "retained samples that moved", "cost", "share", "lower", "aside")
QUANTILES = (0.5, 0.9, 0.99, 1.0)
MOST = 16  # samples that changed most, for the picture


class Gained:
    """Two kinds of rows, of the unlearned model alone; at the original's own latents the original would give 0.

    ``gained``: of the samples in which a judge did not see before what is forgotten, the share in which it does after.
    ``retained_moved``: of the samples in which no judge saw it, the share that moved farther than the median distance
    of such a sample of the original to its nearest other one; so far, an image is another one. Both with Wilson's
    interval, the second joined with that of the median. `notes` get what is no single number: per judge all
    transitions, and how often a retained class gains by changes among the retained (judges' own noise at the borders),
    the distances, and who moved most.

    Args:
        neighbours: retained samples of the original among which the nearest is looked for, at most.

    Raises:
        UsageError: ``neighbours`` is no integer >= 2.
    """

    def __init__(self, neighbours: int = 1000) -> None:
        self.neighbours = as_int("metric.gained.neighbours", neighbours, least=2)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        before = context.original
        if before is None or subject.name != "unlearned":
            return []
        rows: list[Measurement] = []
        seen: list[Tensor] = []
        judged: dict[str, Any] = {}
        for judge in context.judges.values():
            old, new = before.verdict(judge), subject.verdict(judge)
            was, now = old.shows(context.split), new.shows(context.split)
            if was is None or now is None:
                continue
            seen.append(was)
            judged[judge.name] = turned = transitions(old, new, was, now, context.split)
            others = turned["others_gain"]
            detail = "" if others is None else f"others gain {others:.2%} on average"
            rows.append(GAINED.share(subject, judge, now[~was], detail))
        moved, about = self._moved(before, subject, seen)
        context.notes["transitions"] = {"judged": judged, **({"moved": about} if about else {})}
        return [*rows, moved]

    def _moved(
        self, before: EvaluatedModel, subject: EvaluatedModel, seen: list[Tensor]
    ) -> tuple[Measurement, dict[str, Any]]:
        none = torch.zeros(len(before.pixels), dtype=torch.bool)
        spared = (~torch.stack([none, *seen]).any(0)).nonzero()[:, 0]
        if len(spared) < 2:
            reason = "judges saw what is to be forgotten in all samples but one, or in all"
            return MOVED.missing(subject, reason), {}
        far = pixel_distance(before.pixels, subject.pixels, spared)
        near = nearest(before.pixels[spared[: self.neighbours]])
        spread, n = near.median().item(), len(far)
        hits = int((far > spread).sum())
        low, high = _moved_interval(far, hits, near)
        ends = torch.quantile(far, torch.tensor(QUANTILES, dtype=torch.float64)).tolist()
        most = spared[far.argsort(descending=True, stable=True)[:MOST]]
        about = {
            "unit": "grey levels",
            "between_neighbours": spread,
            "neighbours": min(n, self.neighbours),
            "quantiles": {f"{q:g}": end for q, end in zip(QUANTILES, ends, strict=True)},
            "most": most.tolist(),
        }
        detail = f"farther than a neighbour, {spread:.1f} grey levels"
        return MOVED.of(subject, hits / n, low, high, n, detail=detail), about


def _moved_interval(far: Tensor, hits: int, near: Tensor) -> tuple[float, float]:
    """95 % interval of the share of ``far`` beyond the median of ``near``: Wilson's, joined with that of the median.

    Both have errors of their own; the median's is that of its order statistics, which need no distribution.
    """
    n, share, ordered = len(far), hits / len(far), near.sort().values
    low, high = wilson(hits, n)
    fewest, most = (round(end * len(near)) for end in counts95(len(near), 0.5))
    ends = ordered[max(0, fewest - 1)], ordered[min(len(near) - 1, most)]  # of ten: the second and the ninth
    loosest, strictest = (float((far > end).double().mean()) for end in ends)
    return (
        max(0.0, share - math.hypot(share - low, share - strictest)),
        min(1.0, share + math.hypot(high - share, loosest - share)),
    )


def nearest(pixels: Tensor) -> Tensor:
    """Distance of each of ``(n, c, h, w)`` uint8 images to the nearest other, ``(n,)`` root mean square grey levels."""
    x = pixels.flatten(1).float()
    x -= x.mean(0)  # large common parts would drown small distances
    squares = x.square().sum(1)
    apart = squares[:, None] + squares - 2 * x @ x.T
    return (apart.fill_diagonal_(torch.inf).amin(1).clamp(min=0) / x.shape[1]).sqrt().double()


def transitions(
    old: Verdict | AttributeVerdict, new: Verdict | AttributeVerdict, was: Tensor, now: Tensor, split: Split
) -> dict[str, Any]:
    """Counts of what a judge said before and after, and what a retained class gains from the retained on average.

    Args:
        old, new: what one judge said of the same latents.
        was, now: whether that showed what is forgotten, ``(n,)`` bool.
        split: what is forgotten.

    Returns:
        ``counts``: from what, to what, how many (no zeros); for attributes "with" and "without" the forgotten one.
        ``others_gain``: the mean share by which classes (attributes) that stay gain from samples that showed neither
        them nor what is forgotten; None where there is no other.
    """
    others: list[tuple[Tensor, Tensor]] = []
    froms, tos, words = was.long(), now.long(), {0: "without", 1: "with"}
    if isinstance(old, AttributeVerdict) and isinstance(new, AttributeVerdict):
        others = [(old.has(name), new.has(name)) for name in old.names if name != split.target_attribute]
    elif isinstance(old, Verdict) and isinstance(new, Verdict):
        called = split.dataset.class_names
        froms, tos = old.labels, new.labels
        words = {i: called.get(i, str(i)) for i in sorted({*froms.tolist(), *tos.tolist()})}
        others = [(froms == c, tos == c) for c in called if c not in (split.target_classes or ())]
    counts: dict[str, dict[str, int]] = {}
    for (a, b), n in sorted(Counter(zip(froms.tolist(), tos.tolist(), strict=True)).items()):
        counts.setdefault(words[a], {})[words[b]] = n
    gains = [after[~was & ~had].double().mean().item() for had, after in others if bool((~was & ~had).any())]
    return {"counts": counts, "others_gain": sum(gains) / len(gains) if gains else None}
