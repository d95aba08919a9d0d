"""A folder of images before anything is decoded: which file is which image, of which class, in which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gsu_cli.data.columns import label_column, labels_of
from gsu_cli.data.folder_layout import by_class, find_parts, passed_over
from gsu_cli.data.metadata import columns_of, read_metadata, refuse_missing
from gsu_cli.data.metadata_rows import Row
from gsu_cli.data.part_names import choose, draw, some
from gsu_cli.data.split_column import SPLIT
from gsu_cli.data.walk import File, Walk
from gsu_cli.errors import DataError

WHOLE = {0: "image"}  # the class of all images where nothing tells them apart


@dataclass(frozen=True)
class Listing:
    """Images by class, then by path.

    Attributes:
        files: one for each image.
        labels: theirs, ``(n,)``.
        names: label -> name.
        columns: of the metadata, but for label and part; a value for each image.
        train: indices of those to train on, ascending.
        heldout: indices of those held out, ascending.
        how: they were chosen, in words.
        remarks: on what is not used or not as usual.
    """

    files: list[File]
    labels: Tensor
    names: dict[int, str]
    columns: dict[str, list[object]]
    train: Tensor
    heldout: Tensor
    how: str
    remarks: list[str] = field(default_factory=list)


def listing(found: Walk, *, heldout: object, label: str | None, fraction: float, seed: int) -> Listing:
    """What `walk` found, as a data set.

    Args:
        found: all files.
        heldout: value of `dataset.heldout`.
        label: value of `dataset.label`.
        fraction: of each class that is held out where there is no part for it.
        seed: of that draw.

    Raises:
        DataError: there are no classes, one has too few images, parts differ in their classes, or metadata and images
            do not fit together.
        UsageError: ``heldout`` or ``label`` names what is not there.
    """
    rows = read_metadata(found.root, found.files)
    parts, remarks = find_parts(found, rows)
    trained: tuple[str, ...] = tuple(parts)
    held: tuple[str, ...] = ()
    how = ""
    if "" not in parts:
        chosen = choose({name: len(files) for name, files in parts.items()}, heldout, found.root)
        trained, held, how = chosen.train, chosen.heldout, chosen.describe()
        remarks += chosen.remarks
    elif heldout is not None:
        choose({"train": 1}, heldout, found.root)  # which refuses: there are no parts
    used = {name: parts[name] for name in (*trained, *held)}
    if rows:
        refuse_missing((file.name for files in parts.values() for file in files), rows, found.root)
    if rows:
        files, labels, names, columns = _described(found, used, rows, label, remarks)
        trains = [name in trained for name, inside in used.items() for _ in inside]
    else:
        if label is not None:
            label_column({}, label)  # which refuses: there are no columns
        files, labels, names, trains = _in_folders(found, used, trained, held, remarks)
        columns = {}
    order = labels.argsort(stable=True)
    if held:
        mask = torch.tensor(trains)[order]
        train, rest = mask.nonzero().squeeze(1), (~mask).nonzero().squeeze(1)
    else:
        train, rest = draw(labels[order], fraction, seed, names)
        how = f"{100 * fraction:g} % of each class held out with seed {seed}"
    places = order.tolist()
    columns = {key: [values[i] for i in places] for key, values in columns.items()}
    files = [files[i] for i in places]
    return Listing(files, labels[order], names, columns, train, rest, how, remarks + passed_over(found))


def _in_folders(
    found: Walk, used: Mapping[str, list[File]], trained: tuple[str, ...], held: tuple[str, ...], remarks: list[str]
) -> tuple[list[File], Tensor, dict[int, str], list[bool]]:
    """Files, labels, names of the labels, and whether each file is trained on."""
    inside = {part: by_class(found.root, part, files, found) for part, files in used.items()}
    train = {name for part in trained for name in inside[part]}
    heldout = {name for part in held for name in inside[part]}
    if held and train != heldout:
        raise DataError(
            f"{' and '.join(str(found.root / part) for part in used)} must have the same class sub-folders",
            found=f"only in one of them: {some(sorted(train ^ heldout))}",
        )
    names = labelled(train)
    label_of = {name: label for label, name in names.items()}
    chosen: list[File] = []
    labels: list[int] = []
    trains: list[bool] = []
    for part, classes in inside.items():
        for name, files in classes.items():
            chosen += files
            labels += [label_of[name]] * len(files)
            trains += [part in trained] * len(files)
    odd = {part: [f for f in files if len(f.parts) != (3 if part else 2)] for part, files in used.items()}
    loose = [file.name for part, files in odd.items() for file in files if len(file.parts) < (3 if part else 2)]
    if loose:
        remarks.append(f"images beside the class folders are not used ({len(loose):,}): {some(loose, most=5)}")
    nested = [file.name for part, files in odd.items() for file in files if len(file.parts) > (3 if part else 2)]
    if nested:
        remarks.append(
            f"images in folders inside a class folder are of its class ({len(nested):,}): {some(nested, most=3)}"
        )
    if len(names) == 1:
        remarks.append(_alone(found, next(iter(names.values())), [f for files in used.values() for f in files]))
    return chosen, torch.tensor(labels), names, trains


def _alone(found: Walk, name: str, files: list[File]) -> str:
    """That one folder makes one class; of one whose folders hold the images, how each of those becomes a class."""
    within = sorted({file.parts[1] for file in files if len(file.parts) > 2 and file.parts[0] == name})
    said = f"all images are of one class, {name}"
    if len(within) < 2:
        return f"{said}: no class can be forgotten and another kept"
    inside = f"its {len(within)} folders ({some(within, most=3)})"
    return f"{said}; for {inside} as classes type dataset.path={found.root / name}"


def _described(
    found: Walk, used: Mapping[str, list[File]], rows: Mapping[str, Row], label: str | None, remarks: list[str]
) -> tuple[list[File], Tensor, dict[int, str], dict[str, list[object]]]:
    """By the metadata: the label is a column, else the class folder, else there is one class."""
    files = [file for part in used.values() for file in part]
    columns = columns_of([file.name for file in files], rows, found.root)
    columns.pop(SPLIT, None)
    key = label_column(columns, label)
    if key is not None:
        labels, names = labels_of(columns.pop(key), [file.name for file in files], key)
        return files, labels, names, columns
    tops = [file.parts[1 if part else 0 : -1][:1] for part, inside in used.items() for file in inside]
    if all(tops) and len(set(tops)) > 1:
        names = labelled({top[0] for top in tops})
        label_of = {name: i for i, name in names.items()}
        return files, torch.tensor([label_of[top[0]] for top in tops]), names, columns
    remarks.append("the metadata have no column label, so all images are of one class")
    return files, torch.zeros(len(files), dtype=torch.int64), dict(WHOLE), columns


def labelled(names: set[str]) -> dict[int, str]:
    """Label -> name, ascending: the number where all names are whole numbers, else the place in sorted order.

    >>> labelled({"8", "10"}), labelled({"dog", "cat"})
    ({8: '8', 10: '10'}, {0: 'cat', 1: 'dog'})
    """
    if all(name.isdecimal() and str(int(name)) == name for name in names):
        return {label: str(label) for label in sorted(int(name) for name in names)}
    return dict(enumerate(sorted(names)))
