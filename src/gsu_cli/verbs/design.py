"""The leave-out design of an audit: that of ``design=``, if it is of the original's data, architecture and recipe."""

from __future__ import annotations

import json
from typing import Any

from gsu_cli.audit.leave_out import LeaveOut
from gsu_cli.errors import CheckpointError
from gsu_cli.run.lineage import Difference, architecture, differences, sentence, unknown
from gsu_cli.verbs import console
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.references import reference_sha256


def check_design(design: LeaveOut | None, path: object, inputs: RunInputs) -> None:
    """Names the design at ``path`` in the record, where there is one.

    Raises:
        CheckpointError: its models are not what training the original without some images gives.
    """
    if design is None:
        return
    session, original = inputs.session, inputs.first
    here: dict[str, Any] = {
        "dataset_sha256": reference_sha256(session),
        "architecture": architecture(original.model),
        "recipe": None if inputs.recipe is None else inputs.recipe.facts(),
    }
    here = json.loads(json.dumps(here, default=str))
    known = [key for key, value in here.items() if value is not None]
    wrong: list[Difference] = differences(here, design.about, known)
    if not wrong:  # weights that were made of other data than were loaded are no model of the design
        wrong = differences({"dataset_sha256": original.about.get("dataset_sha256")}, design.about, ["dataset_sha256"])
    if wrong:
        raise CheckpointError(
            "`design` must be of the data, the architecture and the recipe of the original",
            found=sentence(wrong),
            way_out="Train one with leave_out.models=50 and the words that trained the original",
        )
    if silent := unknown(design.about, here, ["architecture", "recipe"]):
        console.note(
            f"the original does not say its {' and '.join(silent)}, so the design was not compared in that",
            session.record,
        )
    session.record.inputs["design"] = {"path": str(path), "sha256": design.sha256, **design.about}
