"""What Fisher surgery of a denoiser can be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DenoiserOptions:
    """Options as those of `FisherSurgery`.

    Attributes:
        budget, shots, ekfac: as there.
        damping: ``lambda``, in mean eigenvalues of each layer's Fisher.
        retain_images, forget_images, budget_images: at most, for the Fisher, the gradient and the budget.
        bank_images: training images, at most, among which the targets are means.
        noise_from: share of the noise levels that the redirect loss leaves out, from the least noise on.
        bound: of the loss of the forgotten images, as of `unseen.kind_of`.
    """

    budget: float
    shots: int
    damping: float
    ekfac: bool
    retain_images: int
    forget_images: int
    budget_images: int
    bank_images: int
    noise_from: float
    bound: str = "auto"
