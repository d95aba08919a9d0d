"""A divergence counted in that of two retrained models, the floor.

The spread that a divergence is counted in is a mean over the images, too, so no interval takes it as known.
"""

from __future__ import annotations

from torch import Tensor

from gsu_cli.audit.base import Audited, ends
from gsu_cli.evaluation.ratios import ratio_interval
from gsu_cli.run.record import Measurement


def ratio_to_floor(name: str, a: Audited, here: Tensor, floor: Tensor) -> Measurement:
    """The ratio of two means over the same ``(n,)`` images, with its interval where the floor is told from 0.

    Args:
        name, a: of the number.
        here, floor: divergences of each image, float64; the floor's mean is above 0.
    """
    value, (low, high) = float(here.mean() / floor.mean()), ratio_interval(here, floor) or (None, None)
    low = None if low is None else max(0.0, low)
    return Measurement(name, a.name, value, low, high, len(here), sha256=a.sha256)


def in_nats(name: str, ratio: Measurement, floor: Tensor) -> tuple[Measurement, Measurement]:
    """The divergence of one model and its floor, where one spread of the same images is what both are counted in.

    So the floor is one number by its definition, without an interval, and the divergence has that of the ratio.

    Args:
        name: of the images, behind ``klom_`` and ``klom_floor_``.
        ratio: of the divergence and the floor.
        floor: of each image.
    """
    whole = float(floor.mean())
    assert ratio.value is not None  # noqa: S101  # a ratio to a floor above 0
    low, high = (None if end is None else end * whole for end in (ratio.low, ratio.high))
    about = {"n": ratio.n, "unit": "nats", "sha256": ratio.sha256}
    return (
        Measurement(f"klom_{name}", ratio.subject, ratio.value * whole, low, high, **about),  # type: ignore[arg-type]
        Measurement(f"klom_floor_{name}", ratio.subject, whole, **about),  # type: ignore[arg-type]
    )


def ratio_to_floor_words(m: Measurement) -> str:
    """The ratio for a sentence: "2.1 floors (1.8 to 2.4)", or how few images gave it no interval."""
    return f"{m.value:.1f} floors{ends(m, '.1f') or f' (of {m.n} images, too few for an interval)'}"
