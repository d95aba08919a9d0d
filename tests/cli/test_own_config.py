"""A hint at a config of one's own that lies in a folder here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gsu_cli.cli.suggestions import own_config


def test_the_folder_that_holds_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my conf/method").mkdir(parents=True)
    (tmp_path / "my conf/method/halfway.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert own_config("halfway", "method") == "Type --config-dir 'my conf' for the config of that name there. "
    assert own_config("halfway", "metric") == ""


def test_a_folder_that_cannot_be_listed_hides_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed() -> list[str]:
        raise PermissionError(13, "Permission denied", ".")

    monkeypatch.setattr(os, "listdir", closed)
    assert own_config("halfway", "method") == ""
