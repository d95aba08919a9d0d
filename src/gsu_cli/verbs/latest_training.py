"""What an earlier `gsu train` left in the outputs: weights that a line may have meant when it named none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gsu_cli.errors import GsuError
from gsu_cli.run.record import FILE, Record, read_record

MOST = 50  # records that are read, the latest first; a hint must not take long


def trained_here(outputs: Path, dataset_sha256: str | None) -> Path | None:
    """The latest generator below ``outputs`` that was trained on all of these images, to the end; None where none was.

    Args:
        outputs: the folder of all runs.
        dataset_sha256: of the images that were loaded.
    """
    for folder, record in _latest(outputs):
        made, data = record.outputs.get("model"), record.inputs.get("dataset")
        if not isinstance(made, dict) or not isinstance(data, dict):  # cut, or by another hand
            continue
        whole = record.status == "done" and not record.split and data.get("sha256") == dataset_sha256
        if dataset_sha256 and whole and made.get("kind") == "generator" and (folder / str(made.get("path"))).is_file():
            return folder / str(made["path"])
    return None


def _latest(outputs: Path) -> Iterator[tuple[Path, Record]]:
    try:
        found = sorted((outputs / "train").glob(f"*/*/{FILE}"), reverse=True)  # folders are dates and times
    except OSError:
        return
    for path in islice(found, MOST):
        try:
            yield path.parent, read_record(path)
        except (GsuError, OSError):
            continue
