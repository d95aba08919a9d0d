"""The work of ``gsu unlearn``: weights made to forget, and, where it is asked for, the reference retrained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from gsu_cli.data.split import Split
from gsu_cli.methods.retrain import train_from_scratch
from gsu_cli.models.model import copied
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from gsu_cli.run.seeds import generator
from gsu_cli.run.session import Session
from gsu_cli.unlearning.contract import method_name
from gsu_cli.unlearning.unlearn import unlearn
from gsu_cli.verbs import console, limits
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.opening_weights import describe
from gsu_cli.verbs.pipeline_folder import write_folder
from gsu_cli.verbs.references import TRAINED, about_retrained, forgotten


def made_to_forget(inputs: RunInputs, method: Any) -> Checkpoint:
    """The original unlearned by ``method``, as it lies on disk; what was done stands in the record."""
    session, original = inputs.session, inputs.first
    record = session.record
    name = method_name(method)
    for said in limits.of_split(original.model, inputs.split):
        console.note(said, record)
    with console.work_bar(name) as show:
        told = Told(show, session)
        model, update = unlearn(
            original.model,
            inputs.split,
            method,
            generator=generator(record.seeds["unlearn"], "unlearn"),
            recipe=inputs.recipe,
            stage=told.stage,
            on_progress=told.step,
            on_trial=console.say,
            trained_on=inputs.trained_on,
        )
    record.update = {**asdict(update), "method": name}  # one that calls another may hand on what that says of itself
    about = about_unlearned(original, inputs.split, session, name, record.seeds["unlearn"])
    path = session.folder / "unlearned.safetensors"
    sha256 = save_checkpoint(path, model, about=about)
    record.outputs["unlearned"] = {"path": path.name, "sha256": sha256}
    found = load_checkpoint(path)  # what is measured is what lies on disk
    write_folder(session, found.model, "unlearned")
    found.model.to(session.device)
    return found


@dataclass
class Told:
    """What a method is at, on one bar: the loop that it counts, and outside of it the stage that is timed."""

    show: Callable[[int, int, str], None]
    session: Session
    counting: bool = False  # a loop that is under way is not hidden by its parts

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if not self.counting:
            self.show(0, 0, name.replace("_", " "))
        with self.session.stage(name):
            yield

    def step(self, done: int, total: int, loss: float | None) -> None:
        self.counting = done < total
        self.show(done, total, "" if loss is None else f"loss {loss:.4g}")


def about_unlearned(original: Checkpoint, split: Split, session: Session, name: str, seed: int) -> dict[str, Any]:
    """The metadata of what the method of that name made of ``original``."""
    return {
        **{k: v for k, v in original.about.items() if k in TRAINED},
        **forgotten(split, session),
        "method": name,
        "parent": original.sha256,
        "seed": seed,
    }


def retrained(inputs: RunInputs) -> Checkpoint:
    """The reference, trained here from scratch without what is to be forgotten, as it lies on disk."""
    session, original, split, recipe = inputs.session, inputs.first, inputs.measured_on, inputs.recipe
    assert recipe is not None  # noqa: S101  # `check_retrain` has seen to it
    path = session.folder / "retrained.safetensors"
    with console.training_bar("retrain") as on_progress, session.stage("retrain"):
        seed = session.record.seeds["train"]
        model = copied(original.model)
        history = train_from_scratch(model, split, recipe, seed=seed, on_progress=on_progress)
    about = about_retrained(original, split, session, recipe=recipe, seed=seed, loss=history.losses[-1])
    save_checkpoint(path, model, about=about)
    found = load_checkpoint(path)
    found.model.to(session.device)
    session.record.outputs["retrained"] = {"path": path.name, "sha256": found.sha256}
    session.record.inputs["retrained"] = describe(found)
    return found
