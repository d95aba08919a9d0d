"""State dicts that gsu did not write: tensors alone, every name accounted for."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gsu_cli.errors import CheckpointError
from gsu_cli.run.foreign import load_into, read_state_dict, renamed


class Nasty:
    def __reduce__(self):
        return (print, ("code ran",))


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    one, other, path = net(), net(), tmp_path / "weights"
    if kind == "safetensors":
        save_file(one.state_dict(), path)
    else:
        torch.save(one.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    load_into(other, read_state_dict(path), path)
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in one.state_dict().items())


@pytest.mark.parametrize("kind", ["zip", "plain"])
def test_code_is_never_run(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nasty.pt"
    if kind == "zip":
        torch.save({"weight": torch.ones(1), "more": Nasty()}, path)
    else:
        path.write_bytes(pickle.dumps(Nasty(), protocol=2))
    with pytest.raises(CheckpointError, match="nothing that could run code"):
        read_state_dict(path)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "found nothing"),
        ({"epoch": 3}, "epoch: int"),
        (torch.ones(2), "a Tensor"),
        ({"model": {"w": torch.ones(1)}, "step": 1}, "checkpoint.entry=model"),
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, content: object, said: str) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=said):
        read_state_dict(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and so on", b"hello"])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(CheckpointError) as e:
        read_state_dict(tmp_path / "x.pt")
    assert "\n" not in str(e.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="existing file"):
        read_state_dict(tmp_path / "x.pt")


def test_entries_lead_to_the_state_dict(tmp_path: Path) -> None:
    torch.save({"ema": {"shadow": {"w": torch.ones(1)}}}, tmp_path / "x.pt")
    assert list(read_state_dict(tmp_path / "x.pt", entry="ema.shadow")) == ["w"]


def test_the_longest_beginning_wins_whatever_the_order() -> None:
    tensors = {"a.b.w": torch.ones(1), "a.w": torch.ones(1)}
    for rename in ({"a.": "x.", "a.b.": "y."}, {"a.b.": "y.", "a.": "x."}):
        assert list(renamed(tensors, rename)) == ["y.w", "x.w"]


def test_renaming_accounts_for_everything() -> None:
    tensors = {"a.w": torch.ones(1), "b.w": torch.ones(1)}
    with pytest.raises(CheckpointError, match="two called a.w"):
        renamed(tensors, {"b.": "a."})
    with pytest.raises(CheckpointError, match="c., with which none of a.w, b.w begins"):
        renamed(tensors, {"c.": "d."})


def test_names_and_shapes_must_match_both_ways() -> None:
    tensors = {**net().state_dict(), "2.weight": torch.ones(1), "0.weight": torch.ones(3, 3)}
    del tensors["0.bias"]
    with pytest.raises(CheckpointError) as e:
        load_into(net(), tensors, Path("x.pt"))
    for part in ("missing: 0.bias", "not of the class: 2.weight", r"0.weight (3, 3) for (3, 2)"):
        assert part in str(e.value)
