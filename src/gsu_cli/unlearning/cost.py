"""What an update took, counted in images."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Cost:
    """What an update took, in images; the trajectory's own measurements are left out where no budget rests on them.

    Attributes:
        gradients: images whose loss was differentiated once.
        double_backward: images through whose gradient was differentiated again (a Hessian-vector product).
        fisher: images whose own squared gradient or Kronecker factors were taken.
        generated: images drawn from the model.
        forward: images that were only evaluated.
    """

    gradients: int = 0
    double_backward: int = 0
    fisher: int = 0
    generated: int = 0
    forward: int = 0

    def record(self, n: int) -> dict[str, float]:
        """The counts, and ``gradient_evaluations_per_image`` over ``n`` training images.

        A gradient counts 1, differentiating it again 2 more, a Fisher image 1, a forward pass a third.

        >>> Cost(gradients=6, double_backward=3, generated=3).record(2)["gradient_evaluations_per_image"]
        6.5
        """
        total = self.gradients + 2 * self.double_backward + self.fisher + (self.generated + self.forward) / 3
        return {**asdict(self), "gradient_evaluations_per_image": total / n}
