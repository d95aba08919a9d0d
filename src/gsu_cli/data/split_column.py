"""A column ``split`` of metadata, or of a table with images, that names the part of each image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gsu_cli.data.part_names import kind_of
from gsu_cli.errors import DataError

SPLIT = "split"


def named_parts(values: Mapping[str, object]) -> tuple[dict[str, str] | None, list[str]]:
    """The part of each image, or None where no value names one; and a remark where they are not used.

    Args:
        values: name of each image -> its value; None where it has none.

    Raises:
        DataError: some name a part and others do not. A share chosen of all of them would train on what was to be held
            out.

    >>> named_parts({"a.png": "train", "b.png": "test"})
    ({'a.png': 'train', 'b.png': 'test'}, [])
    >>> named_parts({"a.png": "north", "b.png": "south"})
    (None, ["column split names no parts (has 'north') and is not used"])
    """
    words = {name: "" if value is None else str(value) for name, value in values.items()}
    odd = [name for name, word in words.items() if kind_of(word) is None]
    if not odd:
        return words, []
    if len(odd) == len(words):
        shown = next((words[name] for name in odd if words[name]), None)
        return None, [] if shown is None else [f"column {SPLIT} names no parts (has {shown!r}) and is not used"]
    raise DataError(
        f"column {SPLIT} must name a part, train, val or test, for each image or for none",
        found=f"{words[odd[0]]!r} for {odd[0]}, one of {len(odd):,} of {len(words):,} without a part",
        way_out="Write train, val or test there, or call the column something else.",
    )


def refuse_other_parts(where: Iterable[tuple[str, str, object]]) -> None:
    """Refuses a column ``split`` that names another part than the folder or the file in which an image lies.

    Args:
        where: of each image its name, the part that it lies in and its value; one that names no part says nothing.

    Raises:
        DataError: either may be right, and one of them would train on what the other holds out.
    """
    for name, part, value in where:
        kind = kind_of("" if value is None else str(value))
        if kind is not None and kind != kind_of(part):
            raise DataError(
                f"column {SPLIT} must name the part of which the image's folder or file is",
                found=f"{str(value)!r} for {name}, of {part}",
                way_out="Move the image or correct the column.",
            )
