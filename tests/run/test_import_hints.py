"""Lines that messages on foreign weights propose: they lead where they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune, spectral_norm, weight_norm
from torch.nn.utils.parametrizations import orthogonal
from torch.nn.utils.parametrizations import spectral_norm as new_spectral_norm

from gsu_cli.errors import CheckpointError
from gsu_cli.run.import_weights import load_into, read_foreign
from gsu_cli.run.weight_files import find_weights

PLAIN = {name: tensor.clone() for name, tensor in nn.Linear(3, 3).state_dict().items()}


def refused(path: Path) -> str:
    module = nn.Linear(3, 3)
    found = read_foreign(path, own=module.state_dict())
    with pytest.raises(CheckpointError) as said:
        load_into(module, found.tensors, path, entry=found.entry)
    return str(said.value)


def test_the_entry_of_an_average_beside_raw_weights_is_named_from_the_top(tmp_path: Path) -> None:
    """Lightning's state_dict is taken by itself; what lies in it was proposed as if it lay beside."""
    names = [f"{net}.{name}" for net in ("net", "net_ema") for name in PLAIN]
    torch.save({"state_dict": dict(zip(names, 2 * list(PLAIN.values()), strict=True))}, tmp_path / "x.ckpt")
    said = refused(tmp_path / "x.ckpt")
    assert said.endswith("checkpoint.entry=state_dict.net or checkpoint.entry=state_dict.net_ema")
    module = nn.Linear(3, 3)
    found = read_foreign(tmp_path / "x.ckpt", entry="state_dict.net_ema", own=module.state_dict())
    load_into(module, found.tensors, tmp_path / "x.ckpt")
    assert torch.equal(module.weight, PLAIN["weight"])


@pytest.mark.parametrize(
    ("wrap", "call"),
    [
        (lambda m: prune.l1_unstructured(m, "weight", 0.5), "prune.remove(module, 'weight')"),
        (spectral_norm, "remove_spectral_norm(module, 'weight')"),
        (weight_norm, "remove_weight_norm(module, 'weight')"),
        (new_spectral_norm, "parametrize.remove_parametrizations(module, 'weight')"),
        (orthogonal, "parametrize.remove_parametrizations(module, 'weight')"),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_saved_as_their_parts_are_told_how_they_become_whole(
    tmp_path: Path, wrap: Callable[[nn.Module], object], call: str
) -> None:
    module = nn.Linear(3, 3)
    wrap(module)
    torch.save(module.state_dict(), tmp_path / "x.pt")
    assert f"Save it again after torch.nn.utils.{call}" in refused(tmp_path / "x.pt")


def test_shards_without_their_index(tmp_path: Path) -> None:
    for i, name in enumerate(PLAIN, start=1):
        torch.save({name: PLAIN[name]}, tmp_path / f"pytorch_model-0000{i}-of-00002.bin")
    with pytest.raises(CheckpointError) as said:
        find_weights(tmp_path)
    assert f"2 shards of one model without their index in {tmp_path}" in str(said.value)
    assert "Get pytorch_model.bin.index.json from" in str(said.value)
    index = tmp_path / "pytorch_model.bin.index.json"
    assert f"Name their index, {index}: the file is one of 2" in refused(tmp_path / "pytorch_model-00001-of-00002.bin")
