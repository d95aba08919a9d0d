"""What a data set is called where nobody says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsu_cli.run.set_names import set_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/pets", "pets"),
        ("data/pets/", "pets"),
        ("data/FashionMNIST/raw", "FashionMNIST"),
        ("data/flowers/train-00000-of-00001.parquet", "flowers"),
        ("data/blood.npz", "blood"),
        ("data/pets/images", "pets"),
        ("data/v1.5", "v1.5"),
        ("data/mnist", "own_mnist"),  # else the weights that ship for mnist would be taken for these files
        ("data/avatars.npz", "own_avatars"),
        ("/data", None),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_the_last_part_that_says_what_is_in_it(path: object, name: str | None) -> None:
    assert set_name(path) == name


def test_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pets").mkdir()
    monkeypatch.chdir(tmp_path / "pets")
    assert set_name(".") == "pets"


def test_a_folder_keeps_what_looks_like_an_ending(tmp_path: Path) -> None:
    (tmp_path / "set.v2").mkdir()
    assert set_name(str(tmp_path / "set.v2")) == "set.v2"
