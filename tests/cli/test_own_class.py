"""A class of one's own on the line: the group holds what was typed, and the class is found beside the line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Type = Callable[..., Any]


@pytest.mark.parametrize(
    ("line", "group"),
    [
        (
            "train model._target_=my.Vae model.latent_dim=2 model.other=3",
            "model:\n  _target_: my.Vae\n  latent_dim: 2\n  other: 3\n",
        ),
        ("unlearn method._target_=my.Method", "method:\n  _target_: my.Method\n"),
        ("unlearn ~method +method._target_=my.Method", "method:\n  _target_: my.Method\n"),
        ("evaluate model._target_=my.Vae", "model:\n  _target_: my.Vae\n"),
        ("unlearn method=ascent method._target_=my.Step", "method:\n  _target_: my.Step\n  lr: 0.0005\n  scope: all\n"),
    ],
)
def test_the_group_holds_what_was_typed(type_line: Type, tmp_path: Path, line: str, group: str) -> None:
    typed = type_line(*line.split(), "--cfg", "job", cwd=tmp_path)
    assert typed.code == 0, typed.err
    assert group in f"{typed.out}\n"


def test_options_without_their_class_are_still_refused(type_line: Type, tmp_path: Path) -> None:
    typed = type_line("unlearn", "method.typo=1", "--cfg", "job", cwd=tmp_path)
    assert typed.code == 2
    assert "method.typo" in typed.err


def test_a_class_beside_the_line_is_found(type_line: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    (tmp_path / "lies_here.py").write_text(
        "class Method:\n    def __init__(self):\n        raise OSError('was built')\n"
    )
    typed = type_line("unlearn", "forget.class=1", "method._target_=lies_here.Method", cwd=tmp_path)
    sys.modules.pop("lies_here", None)
    assert "was built" in typed.err
