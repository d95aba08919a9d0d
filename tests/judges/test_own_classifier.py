"""Weights of a judge of one's own that do not fit: what is proposed is an option of the judge."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.errors import CheckpointError
from gsu_cli.judges.base import AttributeVerdict
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


class Features(nn.Module):
    """Its random features are in its state dict or not."""

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self.register_buffer("features", torch.randn(4, 8), persistent=kept)
        self.last = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last((x - 0.3).flatten(1) @ self.features)
        return found


@pytest.mark.parametrize("kept", [True, False])
def test_weights_that_are_not_all_of_it(tmp_path: Path, kept: bool) -> None:
    """Its constructor makes the rest anew: each run was judged by another network."""
    torch.save(Features(kept=kept).state_dict(), tmp_path / "net.pt")
    judge = OwnClassifier(lambda _: Features(kept=kept), "cnn", str(tmp_path / "net.pt"))
    if kept:
        judge.prepare(DATA, seed=0)
        return
    with pytest.raises(CheckpointError, match="must hold all that it computes with; found features, a buffer with per"):
        judge.prepare(DATA, seed=0)


def test_an_attribute_that_the_data_lack_is_left_out(tmp_path: Path) -> None:
    """One of forty attributes beside data of two ended as a defect."""
    images = Images(
        torch.arange(16, dtype=torch.uint8).view(4, 1, 2, 2) * 10,
        torch.zeros(4, dtype=torch.int64),
        torch.tensor([[True, False], [False, True], [True, True], [False, False]]),
    )
    data = Dataset("dots", images, images, {0: "all"}, "", ("smile", "hat"))
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    settings = {"labels": ["hat", "beard", "smile"]}
    judge = OwnClassifier(lambda _: net, "cnn", str(tmp_path / "net.pt"), **settings).prepare(data, seed=0)
    verdict = judge(images.pixels)
    assert isinstance(verdict, AttributeVerdict)
    assert verdict.names == ("smile", "hat")
    split = ForgetSpec.from_values(attribute="hat").resolve(data, generator=torch.Generator())
    logits = net(images.floats())
    assert torch.equal(verdict.present, logits[:, [2, 0]] > 0)
    assert torch.equal(verdict.right(images, split), (logits[:, 0] > 0) == images.attributes[:, 1])  # type: ignore[index]
