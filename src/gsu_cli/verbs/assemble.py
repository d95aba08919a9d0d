"""What a run works with, made once from its config and handed on whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig

from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.session import Session
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console
from gsu_cli.verbs.opening_data import load_dataset, resolve_split
from gsu_cli.verbs.opening_weights import open_checkpoint, peek, recipe_of
from gsu_cli.verbs.references import reference
from gsu_cli.verbs.retrained import check_retrain, open_reference


@dataclass(frozen=True)
class RunInputs:
    """Data, weights and references of a run.

    Attributes:
        session: whose record they stand in.
        split: of the data set as loaded, what the method sees.
        weights: by name of the subject, "original" first where it is there.
        measured_on: the cut against which weights are measured, see `references.reference`.
        retrained: the model of the same recipe that never saw what is to be forgotten; None where there is none.
    """

    session: Session
    split: Split
    weights: Mapping[str, Checkpoint]
    measured_on: Split
    retrained: Checkpoint | None = None

    @property
    def first(self) -> Checkpoint:
        """The original; of a run that is measured again perhaps what was made of it."""
        return next(iter(self.weights.values()))

    @property
    def recipe(self) -> Recipe | None:
        """How the first were trained, where they say so."""
        return recipe_of(self.first)

    @property
    def trained_on(self) -> int | None:
        """How many images the first were trained on, where they say so."""
        n = self.first.about.get("n")
        return n if isinstance(n, int) and n > 0 else None

    @classmethod
    def of(
        cls, cfg: DictConfig, spec: ForgetSpec, session: Session, check: Callable[[Any, Split | None], None]
    ) -> RunInputs:
        """Loads data and weights of a line.

        Args:
            cfg: of the line.
            spec: what is to be forgotten.
            session: of the run.
            check: refuses a model, before the data are loaded (no split) where its class is known by then.
        """
        if (early := peek(cfg)) is not None:
            check(early, None)
        split = resolve_split(spec, load_dataset(cfg, session), session)
        console.say(split.describe_sizes())
        original = open_checkpoint(cfg, split.dataset, session)
        check(original.model, split)
        return cls(session, split, {"original": original}, split)

    def with_references(self, cfg: DictConfig | None, *, may_retrain: bool = False) -> RunInputs:
        """The same with what results are compared with; refused where it is to be retrained and cannot be.

        Args:
            cfg: of the line, which may name the retrained model; None where nothing is to be forgotten.
            may_retrain: whether one is trained where there is none.
        """
        seen = reference(self.split, self.first, self.session)
        retrained = None if cfg is None else open_reference(cfg, self.first, seen, self.session)
        if retrained is None and may_retrain:
            check_retrain(self.first, self.session)
        return replace(self, measured_on=seen, retrained=retrained)

    def subjects(self, **more: Checkpoint | None) -> dict[str, Checkpoint]:
        """All weights to measure, in the order of the table; ``more`` stand before the retrained reference."""
        found = {**self.weights, **more, "retrained": more.get("retrained") or self.retrained}
        return {name: checkpoint for name, checkpoint in found.items() if checkpoint is not None}
