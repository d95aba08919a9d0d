"""Where in a folder of images the parts are, and where the classes; what belongs to neither is said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from pathlib import Path

from gsu_cli.data.image_files import SUFFIXES
from gsu_cli.data.metadata_rows import NAMES, Row
from gsu_cli.data.part_names import kind_of, some
from gsu_cli.data.split_column import SPLIT, named_parts, refuse_other_parts
from gsu_cli.data.walk import File, Walk
from gsu_cli.errors import DataError

ENDINGS = tuple(SUFFIXES)
TABLES = (".csv", ".jsonl", ".tsv", ".json", ".xlsx")


def is_image(file: File) -> bool:
    """Whether the name ends like an image's."""
    # no Path for each: of 70,000 files that takes seconds
    return file.name.endswith(ENDINGS) or file.name.lower().endswith(ENDINGS)


def find_parts(found: Walk, rows: Mapping[str, Row]) -> tuple[dict[str, list[File]], list[str]]:
    """The images of each part, and remarks; a folder that is not divided is one part, called "".

    A folder named train, val or test is a part where it holds class folders or metadata speak of it, or where train and
    another are all that there is, else a class.

    Raises:
        DataError: parts lie beside folders that are none, or one level further down; or metadata name the part of
            some images alone, or another one than their folder.
    """
    images = [file for file in found.files if is_image(file)]
    by_top: dict[str, list[File]] = {}
    for first, inside in groupby(images, lambda file: file.parts[0] if len(file.parts) > 1 else ""):
        by_top.setdefault(first, []).extend(inside)
    loose = by_top.pop("", [])
    described = {name.partition("/")[0] for name in rows if "/" in name}
    parts = {top: files for top, files in by_top.items() if _is_part(top, files, described)}
    words = {kind_of(top) for top in by_top}
    if not parts and None not in words and "train" in words and len(words) > 1:
        parts = dict(by_top)
    if not parts:
        _refuse_one_level_up(found.root, by_top, loose)
        if not rows:
            _refuse_labels_unread(found, by_top)
        divided, remarks = _by_column(images, rows)
        if divided is None and not rows:
            _refuse_parts_of_classes(found.root, by_top)
        return divided or {"": images}, remarks
    others = [top for top in by_top if top not in parts]
    kinds = {kind_of(top) for top in parts}
    if others and not ("train" in kinds and len(kinds) > 1):
        raise DataError(
            f"{found.root} must hold classes, or parts that hold classes",
            found=f"{some(parts)} with folders of images inside, and {some(others)} without",
            way_out="Move one of them elsewhere.",
        )
    if rows:
        refuse_other_parts((f.name, top, rows.get(f.name, {}).get(SPLIT)) for top in parts for f in parts[top])
    beside = [f"{top}/ ({len(by_top[top]):,} images)" for top in others] + [file.name for file in loose]
    return parts, [f"beside the parts, and not used: {some(beside)}"] if beside else []


def _is_part(top: str, files: Iterable[File], described: Collection[str]) -> bool:
    return kind_of(top) is not None and (top in described or any(len(file.parts) > 2 for file in files))


def _by_column(images: list[File], rows: Mapping[str, Row]) -> tuple[dict[str, list[File]] | None, list[str]]:
    """The parts that a column ``split`` of the metadata names, where it names some, and a remark where it does not."""
    part_of, remarks = named_parts({name: row.get(SPLIT) for name, row in rows.items()})
    if not rows or part_of is None:
        return None, remarks
    parts: dict[str, list[File]] = {word: [] for word in sorted(set(part_of.values()))}
    for file in images:
        if file.name in part_of:
            parts[part_of[file.name]].append(file)
    return parts, []


def _refuse_parts_of_classes(root: Path, by_top: Mapping[str, list[File]]) -> None:
    """Classes that hold train and test, not the other way round: taken as classes, what was held out would train."""
    for top, files in by_top.items():
        inner = sorted({file.parts[1] for file in files if len(file.parts) > 2})
        kinds = {kind_of(word) for word in inner}
        if "train" in kinds and len(kinds) > 1 and None not in kinds:
            raise DataError(
                f"{root} must hold classes, or parts that hold classes",
                found=f"classes that hold parts: {some(f'{top}/{word}' for word in inner)}",
                way_out=f"Move the images so that {inner[-1]}/{top} is in place of {top}/{inner[-1]}.",
            )


def _refuse_one_level_up(root: Path, by_top: Mapping[str, list[File]], loose: list[File]) -> None:
    """An archive is often unpacked into a folder of its own, and its one folder is no class."""
    if len(by_top) != 1 or loose:
        return
    (top, files), *_ = by_top.items()
    inner = {file.parts[1] for file in files if len(file.parts) > 3}
    if "train" in {kind_of(word) for word in inner}:
        raise DataError(
            f"{root} must hold classes, or parts that hold classes",
            found=f"one folder, {top}/, with {some(sorted(inner))} inside",
            way_out=f"Type dataset.path={root / top}.",
        )


def _refuse_labels_unread(found: Walk, by_top: Mapping[str, list[File]]) -> None:
    """One folder called train, with its labels in a table, as competitions hand them out: "train" is no class."""
    if len(by_top) != 1 or kind_of(top := next(iter(by_top))) is None:
        return
    tables = [f for f in found.files if f.name.lower().endswith(TABLES) and f.parts[:-1] in ((), (top,))]
    if tables:
        raise DataError(
            f"{found.root} must hold one sub-folder of images for each class, or images with a metadata.csv",
            found=f"the images of {top}/ beside {tables[0].name}",
            way_out=f"{_as_metadata(tables[0].name)} Its column file_name must hold the images' paths from there.",
        )


def by_class(root: Path, part: str, files: list[File], found: Walk) -> dict[str, list[File]]:
    """Class folder -> its images among ``files``, at any depth; those beside class folders belong to none.

    Raises:
        DataError: there is no class folder, or one without an image.
    """
    at = 1 if part else 0
    where = root / part
    above = (part,)[:at]
    classes = sorted({parts[at] for parts in found.folders if len(parts) == at + 1 and parts[:at] == above})
    if not classes:
        here = [file.parts[-1] for file in found.files if file.parts[:-1] == above]
        tables = [name for name in here if name.lower().endswith(TABLES)]
        beside = [f"{len(files):,} images", *tables[:1]] if files else []
        raise DataError(
            f"{where} must hold one sub-folder of images for each class, or images with a metadata.csv",
            found=", and ".join(["no sub-folder", *([" beside ".join(beside)] if beside else [])]),
            way_out=_as_metadata(tables[0]) if files and tables else "",
        )
    own: dict[str, list[File]] = {name: [] for name in classes}
    for top, inside in groupby(files, lambda file: file.parts[at] if len(file.parts) > at + 1 else None):
        if top is not None:
            own[top].extend(inside)
    for name in (name for name, images in own.items() if not images):
        raise DataError(
            f"{where / name} must hold images ({', '.join(sorted(SUFFIXES))})",
            found="none",
            way_out="Remove it or add images.",
        )
    return own


def _as_metadata(table: str) -> str:
    """What makes a table beside images their metadata.

    >>> _as_metadata("labels.csv"), _as_metadata("train.json")[:29]
    ('Call labels.csv metadata.csv.', 'Save train.json as metadata.c')
    """
    suffix = Path(table).suffix.lower()
    if f"metadata{suffix}" in NAMES:
        return f"Call {table} metadata{suffix}."
    return f"Save {table} as metadata.csv, or as metadata.jsonl with an object in each line."


def passed_over(found: Walk) -> list[str]:
    """Remarks on files that do not end like an image's, and hidden ones."""
    rest = [file for file in found.files if not file.name.endswith(ENDINGS)]  # a few, of many
    other = [file.name for file in rest if not is_image(file) and file.parts[-1] not in NAMES]
    remarks = [f"files of other kinds are not used ({len(other):,}): {some(other, most=5)}"] if other else []
    tables = [file for file in rest if file.parts[-1].lower().endswith(TABLES)]
    if tables and all(file.parts[-1] not in NAMES for file in tables):
        table = tables[0].parts[-1]
        remarks.append(f"labels and attributes are read from a metadata file alone. {_as_metadata(table)}")
    if found.hidden:
        remarks.append(f"hidden files and folders are not used ({len(found.hidden):,}): {some(found.hidden, most=3)}")
    return remarks
