"""``samples.png`` of a run: its judge's labels, the samples that were to be forgotten, and what changed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from gsu_cli.data.split import Split
from gsu_cli.errors import NonFiniteError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.samples import reconstructions
from gsu_cli.judges.base import Verdict
from gsu_cli.models.protocols import HasPosterior
from gsu_cli.report.pictures import Block, Line, contact_sheet
from gsu_cli.report.verdict import verdict as rule
from gsu_cli.run.record import Record
from gsu_cli.run.session import Session

ATTRIBUTE = 1  # stands for the forgotten attribute among the labels of a picture
SAMPLES = 16  # of the forgotten ones, the first


def draw_picture(session: Session, split: Split, subjects: Mapping[str, EvaluatedModel]) -> None:
    """``samples.png``, labelled by the first judge that looked at all and counts; where none does, the first."""
    verdicts = {name: dict(s.verdicts) for name, s in subjects.items()}
    looked = [j for j in next(iter(verdicts.values())) if all(j in v for v in verdicts.values())]
    judge = labelling(session.record, looked)
    label = session.record.judge_label(judge) if judge else ""
    names = {-1: "", **split.dataset.class_names}
    targets = tuple(split.target_classes or ()) if judge else ()  # without a judge nobody says what a sample shows
    blank = torch.full((len(next(iter(subjects.values())).pixels),), -1)
    labels = dict.fromkeys(subjects, blank)
    for name in subjects if judge else ():
        verdict = verdicts[name][str(judge)]
        if isinstance(verdict, Verdict):
            labels[name] = verdict.labels
        elif (shown := verdict.shows(split)) is not None:
            labels[name] = torch.where(shown, ATTRIBUTE, -1)
            names, targets = {-1: "", ATTRIBUTE: str(split.target_attribute)}, (ATTRIBUTE,)
    moved = session.record.transitions.get("moved") or {}
    most_title = ""
    if moved:
        farthest, spread = moved["quantiles"]["1"], moved["between_neighbours"]
        which = "samples without it" if targets else "samples"
        apart = f"up to {farthest:.0f} grey levels; neighbours are {spread:.0f} apart"
        most_title = f"{which} that changed most: {apart}"
    contact_sheet(
        session.folder / "samples.png",
        {name: s.pixels for name, s in subjects.items()},
        labels,
        names,
        targets,
        what=f"{split.words} by the {label} judge" if judge and judge != usual(session.record) else split.words,
        before=[*samples(split, subjects), *views(subjects, judge, names, targets)],
        most=moved.get("most", ()),
        most_title=most_title,
    )
    session.record.outputs["samples"] = {"path": "samples.png", "judge": judge}


def usual(record: Record) -> str:
    """The judge that labels pictures as a rule, the first of the line; headings name any other, even one alone."""
    return str(record.judges[0]["name"])


def labelling(record: Record, looked: Sequence[str]) -> str | None:
    """Which of the judges that ``looked`` at all samples says what they show: one that cannot tell would be wrong."""
    found = rule(record)
    counts = [judge for judge in looked if found is None or not found.judges.get(judge)]
    return next(iter([*counts, *looked]), None)


def views(
    subjects: Mapping[str, EvaluatedModel], judge: str | None, names: Mapping[int, str], targets: tuple[int, ...]
) -> list[Block]:
    """What a conditional model generates in each way of asking; first samples, at the same noise for every subject."""
    blocks = []
    for words in next(iter(subjects.values())).views:
        lines = []
        for name, subject in subjects.items():
            if (view := subject.views.get(words)) is None:  # its samples were not finite: its numbers say so
                continue
            verdict = view.verdicts.get(str(judge))
            own = verdict.labels[:SAMPLES].tolist() if isinstance(verdict, Verdict) else [-1] * SAMPLES
            texts, framed = [names.get(label, str(label)) for label in own], [label in targets for label in own]
            lines.append(Line(name, view.pixels[:SAMPLES], texts, framed))
        blocks.append(Block(words, lines))
    return blocks


def samples(split: Split, subjects: Mapping[str, EvaluatedModel]) -> list[Block]:
    """Where samples are forgotten and no class or attribute: these, and what each model makes of them."""
    if split.target_classes or split.target_attribute is not None or not split.n_forget:
        return []
    index = split.different[:SAMPLES]
    images = split.dataset.train[index]
    blank = [""] * len(images)
    lines = [Line("image", images.pixels, [f"#{i}" for i in index.tolist()], [True] * len(images))]
    for name, subject in subjects.items():
        if isinstance(subject.model, HasPosterior):
            try:
                generated = reconstructions(subject.model, images)
            except NonFiniteError:  # its numbers say so
                continue
            lines.append(Line(name, generated, blank, [False] * len(images)))
    n = len(split.different)
    which = "the" if len(images) == n else f"the first {len(images)}"
    title = f"{which} training images to be forgotten, {n:,} in all"
    title += ", and their reconstructions" if len(lines) > 1 else ""
    return [Block(title, lines)]
