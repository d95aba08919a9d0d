"""The options of Fisher surgery of a decoder: those of `FisherSurgery`, sizes as numbers, "auto" decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CANDIDATE_IMAGES = 400  # for curvature, at most, where the exact problem is one candidate of several
REFIT_BUDGET_LATENTS = 2  # of each image of the budget, for a refit: near an attribute one says little


@dataclass(frozen=True)
class LatentOptions:
    """See docs/methods/fisher_surgery.md; what is here alone:

    Attributes:
        statistics: retained images in the Fisher, at most; None: all of them.
        expects: whether targets are expectations where retained images lie at the forgotten latents.
        there: what lies at the forgotten latents, for the record; None: nobody asked.
    """

    budget: float
    shots: int
    damping: Sequence[float]
    ekfac: bool
    retain_images: int
    forget_images: int
    budget_images: int
    target: str
    solver: str
    iterations: int
    curvature_images: int
    layers: int
    bound: str
    pilot_images: int
    drift_budget: float | None = None
    finish: float | None = None
    encoder: str = "kept"
    statistics: int | None = None
    expects: bool = False
    there: dict[str, float] | None = None

    @property
    def follows(self) -> bool:
        """Whether the encoder moves after the decoder."""
        return self.encoder == "follows"

    @property
    def pilot_sites(self) -> int:
        """Sites of the retain loss on which lengths of a refit are estimated."""
        return REFIT_BUDGET_LATENTS * self.pilot_images

    def curvature(self, ways: Sequence[str]) -> int:
        """Retained images for products with the curvature, at most.

        Args:
            ways: where candidates come from.
        """
        return min(self.curvature_images, CANDIDATE_IMAGES) if len(ways) > 1 else self.curvature_images
