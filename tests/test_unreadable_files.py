"""A file that one may not read is no damaged file: each reader says that it is closed, and nothing of its content."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet  # noqa: F401 - nobody may be unable to reach packages that are imported late
import pytest

from gsu_cli.cli.app import App
from gsu_cli.cli.error_messages import explain
from gsu_cli.data.celeba_files import read_attributes
from gsu_cli.data.celeba_images import list_images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.idx_format import read_idx
from gsu_cli.data.metadata_rows import rows_of
from gsu_cli.data.npz import Npz
from gsu_cli.data.parquet import Parquet
from gsu_cli.data.safe_pickle import read_pickle
from gsu_cli.errors import ALLOWED, DataError, GsuError
from gsu_cli.report.compact import read_compact
from gsu_cli.report.runs import find_runs
from gsu_cli.run import set_names
from gsu_cli.run.json_files import read_config
from gsu_cli.run.record import FILE, read_record
from gsu_cli.run.weight_files import find_weights

NOBODY = 65534


@contextmanager
def nobody() -> Iterator[None]:
    """As a user whom permissions hold: root may read all there is."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can enter, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        path.chmod(0o700)
    shutil.rmtree(folder)


READERS: dict[str, Callable[[Path], Any]] = {
    "record.json": read_record,
    "records.json": read_compact,
    "config.json": lambda path: read_config(path, "a library"),
    "indices.txt": lambda path: ForgetSpec.from_values(sample=str(path)),
    "metadata.csv": lambda path: list(rows_of(path)),
    "list_attr_celeba.txt": read_attributes,
    "images.zip": list_images,
    "set.npz": lambda path: Npz(path=str(path), name="set").load(),
    "set.parquet": lambda path: Parquet(path=str(path), name="set").load(),
    "train-images-idx3-ubyte": lambda path: read_idx(path, "images"),
    "data_batch_1": read_pickle,
    "model.safetensors.index.json": lambda path: find_weights(path, "checkpoint.path"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_closed_file_is_called_closed(name: str, place: Path) -> None:
    path = place / name
    path.write_text("{}")
    path.chmod(0)
    with nobody(), pytest.raises((GsuError, PermissionError)) as raised:
        READERS[name](path)
    if isinstance(raised.value, GsuError):  # the other is given the same words where the line ends
        assert str(raised.value).startswith(f"{ALLOWED}; found {path} (Permission denied). Give it the permission")


@pytest.mark.parametrize("found", ["{}", "no folder {}", "nothing at {}"])
def test_what_is_in_a_closed_folder_is_not_called_lacking(found: str, place: Path) -> None:
    """Since Python 3.14 a path in one says that it is no file, and each reader that asks would say so."""
    (place / "shut").mkdir()
    lacking = DataError("`dataset.path` must be a folder", found=found.format(place / "shut" / "pets"))
    assert explain(lacking, App()).sentence == str(lacking)
    (place / "shut").chmod(0)
    with nobody():
        closed = explain(lacking, App())
    assert closed.sentence.startswith(f"{ALLOWED}; found {place / 'shut' / 'pets'} (Permission denied)")


def test_a_folder_that_is_closed_is_named_beside_the_runs_that_are_found(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_names, "FOLDER", place)  # ours may lie where nobody can look
    for name in ("open", "shut", "locked"):
        (place / name).mkdir(mode=0o755)
        (place / name / FILE).write_text('{"verb": "train", "schema": 2}')
    (place / "shut").chmod(0)
    (place / "locked").chmod(0o744)  # its names can be listed, and nothing more
    with nobody():
        runs, broken = find_runs(place)
        name = set_names.set_name(str(place / "shut" / "pets.npz"))
    assert [path.name for path, _ in runs] == ["open"]
    assert {path.relative_to(place).as_posix() for path, _ in broken} == {"shut", f"locked/{FILE}"}
    assert all(why.startswith(ALLOWED) for _, why in broken)
    assert name == "pets"
