"""Columns of a table beside images: which of them are attributes, which is the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gsu_cli.data.labels import as_list
from gsu_cli.data.part_names import some
from gsu_cli.errors import DataError, UsageError, did_you_mean

LABELS = ("label", "labels", "fine_label", "coarse_label", "class", "target")
YES_NO = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "-1": False}

Column = Sequence[object]


def as_bool(value: object) -> bool | None:
    """A yes or no in any of the ways that tables have for it, else None; -1 is no, as in CelebA's.

    >>> [as_bool(value) for value in (1, 0.0, "True", "-1", True, 2, "", None)]
    [True, False, True, False, True, None, None, None]
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return YES_NO.get(str(value).strip().lower())


def flaw_of(values: Column) -> tuple[int, str] | None:
    """Where a column does not say yes or no, and what stands there; None where all of it does.

    Of -1 and 0 one says no. Where a column has both, the other may say "uncertain", so neither is read.

    >>> flaw_of([1, 0]), flaw_of(["1", "-1"]), flaw_of([1, "?"]), flaw_of([1, 0, -1])
    (None, None, (1, "'?'"), (2, 'both 0 and -1'))
    """
    unread = next((i for i, value in enumerate(values) if as_bool(value) is None), None)
    if unread is not None:
        return unread, f"{values[unread]!r}"
    marks = [str(int(v) if isinstance(v, float) else v).strip() for v in values]
    if {"0", "-1"} <= set(marks):
        return max(marks.index("0"), marks.index("-1")), "both 0 and -1"
    return None


def attributes_of(
    columns: Mapping[str, Column], chosen: object, images: Sequence[str]
) -> tuple[tuple[str, ...], Tensor | None, list[str]]:
    """The columns that are attributes.

    Args:
        columns: name -> a value for each image.
        images: their names, for messages.
        chosen: value of `dataset.attributes`: names, one or a list; None takes every column that says yes or no.

    Returns:
        Their names, ``(n, k)`` bool (None without any), and a remark on columns that are not used.

    Raises:
        UsageError: a column that was chosen is not there, or does not say yes or no everywhere.
    """
    read = {name: [as_bool(value) for value in values] for name, values in columns.items()}
    wrong = {name: flaw for name, values in columns.items() if (flaw := flaw_of(values))}
    if chosen is None:
        names = [name for name in columns if name not in wrong]
    else:
        names = [str(word) for word in as_list(chosen)]
        for name in names:
            if name not in columns:
                rule = f"`dataset.attributes` must be columns, {some(columns) or 'of which there are none'}"
                raise UsageError(rule, found=repr(name), way_out=did_you_mean(name, columns).strip())
            if name in wrong:
                place, what = wrong[name]
                others = read[name].count(None) - 1
                raise UsageError(
                    "`dataset.attributes` must be columns of 0 and 1, of -1 and 1, or of true and false",
                    found=f"{what} in {name} for {images[place]}" + f", and {others:,} more like it" * (others > 0)
                    if None in read[name]
                    else f"{what} in {name}, of which one may mean uncertain",
                    way_out="Write 0 or 1 there, or leave the column out.",
                )
    unused = [f"{name} (has {wrong[name][1]:.20})" for name in columns if name in wrong]
    remarks = (
        [f"columns that do not say yes or no everywhere are no attributes: {some(unused, most=5)}"] if unused else []
    )
    if not names:
        return (), None, remarks
    return tuple(names), torch.tensor([read[name] for name in names]).T.contiguous(), remarks


def label_column(columns: Mapping[str, Column], chosen: object) -> str | None:
    """The column that holds the label: the one chosen, else the one of a usual name, else None.

    Raises:
        UsageError: the chosen one is not there, or several have usual names.
    """
    if chosen is not None:
        if str(chosen) not in columns:
            rule = f"`dataset.label` must be a column, one of {some(columns) or 'none at all'}"
            raise UsageError(rule, found=repr(str(chosen)), way_out=did_you_mean(str(chosen), columns).strip())
        return str(chosen)
    usual = [name for name in columns if name.lower() in LABELS]
    if len(usual) > 1:
        raise UsageError(
            "`dataset.label` must say which column holds the label",
            found=f"{' and '.join(usual)}",
            way_out=f"Type dataset.label={usual[0]}.",
        )
    return usual[0] if usual else None


def labels_of(values: Column, names: Sequence[str], column: str) -> tuple[Tensor, dict[int, str]]:
    """Labels and the names of those that occur: whole numbers stay as they are, words count from 0 in sorted order.

    Args:
        values: one for each image.
        names: of the images, for messages.
        column: for messages.

    Raises:
        DataError: one is missing, negative, or neither a whole number nor a word, or a number is written in two ways.
    """
    read: list[int | str] = []
    written: dict[int, str] = {}  # the text of a number, as it came first
    for value, name in zip(values, names, strict=True):
        as_int = _whole(value)
        if as_int is None and (not isinstance(value, str) or not value.strip()):
            raise DataError(
                f"each label in column {column} must be a whole number or a word",
                found=f"{value!r} for {name}",
                way_out="Remove images without a label, or choose another column with dataset.label=",
            )
        if as_int is not None and not 0 <= as_int < 2**31:
            raise DataError(
                f"each label in column {column} must be >= 0",
                found=f"{as_int} for {name}",
                way_out="Remove images without a label",
            )
        if as_int is not None and isinstance(value, str):
            first = written.setdefault(as_int, value.strip())
            if first.partition(".")[0] != value.strip().partition(".")[0]:  # 3.0 is a 3 of a column with gaps
                raise DataError(
                    f"labels in column {column} must write one number in one way",
                    found=f"{first!r} and {value.strip()!r} for {name}",
                    way_out="Write both alike, or as words where they are two classes",
                )
        read.append(str(value).strip() if as_int is None else as_int)
    if all(isinstance(value, int) for value in read):
        return torch.tensor([int(value) for value in read]), {int(v): str(v) for v in sorted(set(map(int, read)))}
    words = sorted({str(value) for value in read})
    place = {word: i for i, word in enumerate(words)}
    return torch.tensor([place[str(value)] for value in read]), dict(enumerate(words))


def _whole(value: object) -> int | None:
    """``value`` as a whole number where it is one, in whatever way a table has of writing it.

    >>> [_whole(value) for value in (3, "3", 3.0, "3.0", 3.5, "cat", "1_0", None)]
    [3, 3, 3, 3, None, None, None, None]
    """
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and "_" in value:  # 1_0 is a ten to Python alone
        return None
    try:
        number = float(value) if isinstance(value, str | float) else float("nan")
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
