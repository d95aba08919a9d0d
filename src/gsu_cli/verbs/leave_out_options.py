"""``leave_out.*`` of a line: how many models, which images each lacks, and at what noise they are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gsu_cli.audit.leave_out_masks import fold_masks, random_masks
from gsu_cli.checks import as_int, is_number
from gsu_cli.errors import UsageError
from gsu_cli.surgery.ranks import ranks
from gsu_cli.verbs.line_keys import is_typed

LEAST = {"models": 0, "folds": 2, "repeats": 1, "latents": 0}


@dataclass(frozen=True)
class Options:
    """``leave_out.*`` of a line.

    Attributes:
        models: how many are trained; 0: no design.
        folds: into how many parts the images are dealt; each model leaves one out.
        fractions: random ones that models leave out in turn, in place of parts; empty: parts.
        repeats: of noise, over which each image's loss is averaged.
        latents: of each image for the importance-weighted bound of a VAE; 0 leaves it out.
        workers: processes at a time; None: one a core.
    """

    models: int
    folds: int
    repeats: int
    latents: int
    workers: int | None
    fractions: tuple[float, ...] = ()

    @classmethod
    def of(cls, cfg: DictConfig) -> Options:
        """As typed.

        Raises:
            UsageError: a number is none, or another setting does not go with it.
        """
        o = cfg.leave_out
        workers = None if o.workers is None else as_int("leave_out.workers", o.workers, 1)
        numbers = {key: as_int(f"leave_out.{key}", o[key], least) for key, least in LEAST.items()}
        fractions = _fractions(OmegaConf.to_object(o.fractions) if OmegaConf.is_config(o.fractions) else o.fractions)
        found = cls(**numbers, workers=workers, fractions=fractions)
        if fractions and is_typed("leave_out.folds"):
            raise UsageError(
                "`leave_out.fractions` must stand without leave_out.folds",
                found=f"leave_out.folds={found.folds}",
                way_out="Leave out one of them",
            )
        if fractions and not found.models:
            raise UsageError(
                "`leave_out.fractions` must come with leave_out.models",
                found="0 models",
                way_out=f"For example leave_out.models={2 * len(fractions)}",
            )
        if not found.models:
            return found
        found.masks(torch.arange(10**6) if fractions else torch.arange(found.folds), 0)  # before the data are loaded
        if any(value is not None for value in cfg.forget.values()):
            raise UsageError(
                "`leave_out.models` must stand without forget: the design says which images are left out",
                found="forget.*",
                way_out="Leave out one of them",
            )
        if cfg.resume is not None:
            raise UsageError(
                "`leave_out.models` must stand without resume: what was trained is found again",
                found=f"resume={cfg.resume}",
                way_out="Type the same line without resume",
            )
        if ranks().size > 1:
            raise UsageError(
                "`leave_out.models` must be typed without torchrun: its models are trained beside each other",
                found=f"{ranks().size} processes",
                way_out="Type the line of `gsu train` alone, with leave_out.workers",
            )
        return found

    def masks(self, units: Tensor, seed: int) -> Tensor:
        """Which model is trained on which image, by what each image is a copy of, ``(models, n)`` bool."""
        if self.fractions:
            return random_masks(len(units), self.models, self.fractions, seed, units)
        return fold_masks(len(units), self.models, self.folds, seed, units)


def _fractions(values: object) -> tuple[float, ...]:
    if values is None:
        return ()
    found: list[Any] = values if isinstance(values, list) else [values]
    bad = [f for f in found if not is_number(f) or not 0 <= f < 1]
    if bad or not found:
        raise UsageError(
            "`leave_out.fractions` must be numbers in [0, 1)",
            found=", ".join(map(repr, bad)) or "none",
            way_out="For example leave_out.fractions=[0,0.01,0.1]",
        )
    return tuple(float(f) for f in found)
