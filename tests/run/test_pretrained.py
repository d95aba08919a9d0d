"""The catalogue of what ships is the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsu_cli.run import pretrained


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("mnist/vae", "mnist/judge", "mnist/vae.without_class_1", "faces/vae"):
        file = tmp_path / f"{name}.safetensors"
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (tmp_path / "mnist" / "vae.md").write_text("# The default\n\nGenerates digits.\nMore.\n")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    return tmp_path


def test_names_leave_retrained_models_out(folder: Path) -> None:
    assert pretrained.shipped_names() == ["faces/vae", "mnist/judge", "mnist/vae"]
    assert pretrained.shipped_names("mnist") == ["mnist/judge", "mnist/vae"]
    assert pretrained.shipped_names("cifar") == []


def test_files_and_their_retrained_models(folder: Path) -> None:
    assert pretrained.shipped("mnist", "vae") == folder / "mnist" / "vae.safetensors"
    assert pretrained.shipped("mnist", "vae_2d") is None
    assert (
        pretrained.retrained_reference("mnist", "vae", "class_1")
        == folder / "mnist" / "vae.without_class_1.safetensors"
    )
    assert pretrained.retrained_reference("mnist", "vae", "class_2") is None


def test_cards(folder: Path) -> None:
    assert pretrained.card_line("mnist/vae") == "Generates digits"
    assert pretrained.card_line("mnist/judge") == "no card"
