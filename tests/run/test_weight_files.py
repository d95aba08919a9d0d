"""Files, shards and folders of weights as other programs leave them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gsu_cli.errors import CheckpointError
from gsu_cli.run.import_weights import read_foreign
from gsu_cli.run.weight_files import find_weights

STATE = {"a.w": torch.ones(2), "b.w": torch.zeros(3)}


def shards(folder: Path, *, drop: str = "", index: dict[str, object] | None = None) -> Path:
    """Two shards with their index, as transformers and diffusers write them."""
    names = {"a.w": "model-00001-of-00002.safetensors", "b.w": "model-00002-of-00002.safetensors"}
    for name, file in names.items():
        if file != drop:
            save_file({name: STATE[name]}, folder / file)
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index or {"metadata": {"total_size": 20}, "weight_map": names}))
    return path


@pytest.mark.parametrize("by", ["folder", "index"])
def test_shards_with_an_index(tmp_path: Path, by: str) -> None:
    index = shards(tmp_path)
    found = read_foreign(tmp_path if by == "folder" else index).tensors
    assert all(torch.equal(found[k], v) for k, v in STATE.items())
    assert found.keys() == STATE.keys()
    one = find_weights(index).sha256()
    save_file({"b.w": torch.ones(3)}, tmp_path / "model-00002-of-00002.safetensors")
    assert find_weights(index).sha256() != one


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weight_map": {"a.w": "../x.safetensors"}}, "must lie beside it"),
        ({"weight_map": {"a.w": "gone.safetensors"}}, "gone.safetensors missing"),
        ({"weight_map": {"c.w": "model-00001-of-00002.safetensors"}}, "no c.w in any shard"),
        ({"weight_map": []}, "must hold a weight_map"),
        ({"weight_map": {"a.w": 3}}, "must lie beside it"),
        ({"weight_map": {"a.w": ["x"]}}, "must hold a weight_map"),
        ({"other": 1}, "must hold a weight_map"),
    ],
)
def test_an_index_that_does_not_agree(tmp_path: Path, index: dict[str, object], said: str) -> None:
    path = shards(tmp_path, index=index)
    with pytest.raises(CheckpointError, match=said):
        read_foreign(path)


def test_a_folder_of_accelerate(tmp_path: Path) -> None:
    """`Accelerator.save_state` leaves the optimiser and random states beside the weights."""
    save_file(STATE, tmp_path / "model.safetensors")
    for name in ("optimizer.bin", "scheduler.bin", "sampler.bin", "random_states_0.pkl", "custom_checkpoint_0.pkl"):
        torch.save({"state": 1}, tmp_path / name)
    assert read_foreign(tmp_path).tensors.keys() == STATE.keys()


def test_of_two_formats_of_one_thing_the_safetensors(tmp_path: Path) -> None:
    torch.save({"other": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    save_file(STATE, tmp_path / "model.safetensors")
    assert read_foreign(tmp_path).tensors.keys() == STATE.keys()


def test_of_two_precisions_of_one_thing_the_full_one(tmp_path: Path) -> None:
    save_file({name: x.half() for name, x in STATE.items()}, tmp_path / "model.fp16.safetensors")
    assert find_weights(tmp_path).path.name == "model.fp16.safetensors", "alone it is the one"
    save_file(STATE, tmp_path / "model.safetensors")
    assert find_weights(tmp_path).path.name == "model.safetensors"


def test_a_folder_that_does_not_say_which(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="without any"):
        find_weights(tmp_path)
    (tmp_path / "bin").mkdir()
    for k in range(200):
        (tmp_path / "bin" / f"program{k}").touch()
    (tmp_path / "bin" / "valgrind.bin").touch()
    with pytest.raises(CheckpointError, match=r"Name a file that ends in"):
        find_weights(tmp_path)
    (tmp_path / "final_model").mkdir()
    save_file(STATE, tmp_path / "final_model" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"checkpoint.path=.*final_model$"):
        find_weights(tmp_path)
    (tmp_path / "__0_0.distcp").write_bytes(b"")
    with pytest.raises(
        CheckpointError,
        match=r"Type `python -m torch\..* dcp_to_torch .* weights\.pt`\.$",
    ):
        find_weights(tmp_path)
    save_file(STATE, tmp_path / "model.safetensors")
    save_file(STATE, tmp_path / "model_1.safetensors")
    with pytest.raises(CheckpointError, match=r"model.safetensors, model_1.safetensors in"):
        find_weights(tmp_path)
