"""Leave-out designs: models that were each trained without a known part of the images, and what each image costs them.

The images are dealt into ``folds`` parts of equal size, anew for every ``folds`` models (`deals`); each of these models
leaves one part out. So every image was left out by ``models / folds`` models and was in for the others: the repeated
cross-validation of van den Burg and Williams, arXiv 2106.03216, and, with two folds, the random halves of Feldman and
Zhang, arXiv 2008.03703. Losses are kept, weights are not; masks and seeds make them again.

    memorisation_i = mean over models without i of L(i) - mean over models with i of L(i)      nats
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsu_cli.errors import CheckpointError
from gsu_cli.evaluation.intervals import SMALL, Z95
from gsu_cli.run.tensor_files import digest, read_tensors, write_tensors

FILE = "leave_out.safetensors"
SCHEMA = 1
LOSS, IWAE = "loss", "iwae"
"""The training loss (of a VAE the -ELBO), and the importance-weighted bound on -log p."""


@dataclass(frozen=True)
class LeaveOut:
    """A design and the losses that it gave.

    Attributes:
        trained_on: ``(models, n)`` bool: whether a model was trained on a training image.
        losses: by bound, ``(models, n + m)`` float32: of the ``n`` training images, then of ``m`` held-out ones.
        about: data, architecture, recipe, seeds and noise.
        sha256: of all of it.
    """

    trained_on: Tensor
    losses: Mapping[str, Tensor]
    about: Mapping[str, Any]
    sha256: str

    def lacks(self, index: Tensor) -> str:
        """Why the design says nothing of these training images; empty where two models at least have and lack each."""
        inside = self.trained_on[:, index].sum(0)
        within, without = int(inside.min()), int((len(self.trained_on) - inside).min())
        if min(within, without) >= 2:
            return ""
        found = f"found {within} and {without}"
        return f"needs 2 models with each of the images and 2 without, {found}: train a design of leave_out.folds"

    @property
    def n(self) -> int:
        """Training images."""
        return self.trained_on.shape[1]

    def among(self, held: Tensor) -> LeaveOut:
        """The same with losses of the held-out images at places ``held`` alone."""
        kept = torch.cat([torch.arange(self.n), self.n + held])
        return replace(self, losses={bound: L[:, kept] for bound, L in self.losses.items()})

    def of_training(self, bound: str = LOSS) -> Tensor:
        """``(models, n)``."""
        return self.losses[bound][:, : self.n]

    def of_heldout(self, bound: str = LOSS) -> Tensor:
        """``(models, m)``."""
        return self.losses[bound][:, self.n :]

    def memorisation(self, bound: str = LOSS) -> tuple[Tensor, Tensor]:
        """Of each training image, ``(n,)`` float64: the value, and half the width of its 95 % interval.

        The interval is Welch's for the difference of two means over models.
        """
        L, inside = self.of_training(bound).double(), self.trained_on
        (value, a), (other, b) = _mean_and_error(L, ~inside), _mean_and_error(L, inside)
        return value - other, _quantiles(a, (~inside).sum(0), b, inside.sum(0)) * (a + b).sqrt()


def _mean_and_error(L: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the chosen models, and the variance of that mean, each ``(n,)``."""
    count = which.sum(0).clamp(min=1)
    mean = (L * which).sum(0) / count
    squares = ((L - mean) ** 2 * which).sum(0)
    return mean, squares / (count - 1).clamp(min=1) / count


def _quantiles(a: Tensor, n: Tensor, b: Tensor, m: Tensor) -> Tensor:
    """As `intervals.welch`, of means whose variances are ``a``, of ``n`` values, and ``b``, of ``m``."""
    from scipy.special import stdtrit  # here: it takes a tenth of a second

    freedom = (a + b) ** 2 / (a * a / (n - 1).clamp(min=1) + b * b / (m - 1).clamp(min=1)).clamp(min=1e-300)
    found = torch.from_numpy(np.asarray(stdtrit(freedom.clamp(min=1.0).numpy(), 0.975)))
    return torch.where((n >= SMALL) & (m >= SMALL), Z95, found)


def write_design(path: Path, trained_on: Tensor, losses: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    """Writes a design, compactly: masks by bits, losses as a mean of each image and half-precision distances from it.

    Returns:
        The digest of its content.
    """
    tensors = {"trained_on": torch.from_numpy(np.packbits(trained_on.numpy(), axis=1))}
    for bound, values in losses.items():
        mean = values.double().mean(0)
        tensors[f"{bound}/mean"] = mean.float()
        tensors[f"{bound}/distance"] = (values.double() - mean.float().double()).half()
    sha256 = digest(tensors)
    meta = {"schema": SCHEMA, "digest": sha256, "about": dict(about), "n": trained_on.shape[1]}
    write_tensors(path, tensors, meta)
    return sha256


def read_design(path: Path) -> LeaveOut:
    """Reads a design, or that in a folder.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise CheckpointError(
            f"`design` must be a folder of `gsu train leave_out.models=...` with its {FILE}, or that file",
            found=path,
            way_out="Train one with `gsu train dataset=... leave_out.models=50`",
        )
    way_out = "Copy it again, or type the same line of `gsu train`: what was trained is found again"
    try:
        meta, tensors = read_tensors(path)
    except CheckpointError as e:
        raise CheckpointError(f"`design` must be a whole {FILE} of `gsu train`", found=e.found, way_out=way_out) from e
    known = isinstance(meta.get("about"), dict) and {"digest", "n"} <= meta.keys() and "trained_on" in tensors
    if meta.get("schema") != SCHEMA or not known:
        raise CheckpointError("`design` must hold masks and losses", found=f"something else in {path}", way_out=way_out)
    if digest(tensors) != meta["digest"]:
        raise CheckpointError("`design` must match its digest", found=f"a mismatch in {path}", way_out=way_out)
    bits = np.unpackbits(tensors["trained_on"].numpy(), axis=1, count=int(meta["n"]))
    bounds = [key.removesuffix("/mean") for key in tensors if key.endswith("/mean")]
    losses = {b: tensors[f"{b}/mean"] + tensors[f"{b}/distance"].float() for b in bounds}
    return LeaveOut(torch.from_numpy(bits).bool(), losses, meta["about"], meta["digest"])
