"""Weights of a judge of one's own that do not fit: what is proposed is an option of the judge."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gsu_cli.data.base import Dataset, Images
from gsu_cli.errors import CheckpointError
from gsu_cli.judges.own_classifier import OwnClassifier

IMAGES = Images(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
DATA = Dataset("dots", IMAGES, IMAGES, {0: "a", 1: "b"}, "")


def made(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, width), nn.Linear(width, 2))


RIGHT: dict[str, Tensor] = made().state_dict()


@pytest.mark.parametrize(
    ("kept", "rename", "said"),
    [
        (made(width=5).state_dict(), None, "Map beginnings of names with judge.cnn.rename={old.:new.}; shapes follow "),
        ({f"net.{k}": v for k, v in RIGHT.items()}, None, "judge.cnn.rename={net"),
        (RIGHT, {"nowhere.": "x."}, "every beginning in `judge.cnn.rename` must occur"),
        ({"a": {"b": RIGHT}, "c": 3}, None, "judge.cnn.entry="),
    ],
)
def test_weights_that_do_not_fit(tmp_path: Path, kept: object, rename: dict[str, str | None] | None, said: str) -> None:
    torch.save(kept, tmp_path / "checkpoint.pt")
    judge = OwnClassifier(lambda _: made(), "cnn", str(tmp_path / "checkpoint.pt"), rename=rename)
    with pytest.raises(CheckpointError) as refused:
        judge.prepare(DATA, seed=0)
    message = str(refused.value)
    assert said in message
    assert str(tmp_path / "checkpoint.pt") in message or rename, "the name of the file is left as it is"
    assert "checkpoint.rename" not in message
    assert "checkpoint.entry" not in message
    assert "model.*" not in message
