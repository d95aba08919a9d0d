"""Checkpoints: what is read is what was written, and everything else is refused in one sentence."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from gsu_cli.cli.app import App
from gsu_cli.cli.error_messages import explain
from gsu_cli.errors import CheckpointError, GsuError, OutputError, near_path
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.run.files import sha256_of
from gsu_cli.run.tensor_files import digest, read_tensors

TARGET = "gsu_cli.models.vae.mlp_vae.MlpVae"
CONFIG = {"shape": [1, 2, 2], "latent_dim": 1, "hidden": [3]}
ABOUT = {"dataset": "tiny", "seed": 7, "loss": 0.1 + 0.2}
TYPES = [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64]


def tiny() -> MlpVae:
    torch.manual_seed(0)
    return MlpVae([1, 2, 2], latent_dim=1, hidden=[3])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, tiny(), about=ABOUT)
    return path


def forge(path: Path, tensors: dict[str, Tensor] | None = None, **changes: Any) -> Path:
    """A file with a right digest and otherwise whatever ``changes`` say; None leaves a key out."""
    tensors = {"a": torch.zeros(2)} if tensors is None else tensors
    meta = {"schema": 1, "target": TARGET, "config": CONFIG, "digest": digest(tensors), "about": {}, **changes}
    kept = {k: v for k, v in meta.items() if v is not None}
    path.write_bytes(save(tensors, metadata={"gsu": json.dumps(kept)}))
    return path


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(path) in sentence, "it says which file"
    return sentence


def test_roundtrip(file: Path) -> None:
    found = load_checkpoint(file, shape=(1, 2, 2))
    assert found.about == ABOUT
    assert found.sha256 == sha256_of(file)
    assert not found.model.training
    original = tiny().state_dict()
    assert found.model.config() == {**CONFIG, "activation": "relu"}
    assert all(torch.equal(v, original[k]) for k, v in found.model.state_dict().items())


def test_the_same_model_is_the_same_file(file: Path, tmp_path: Path) -> None:
    assert save_checkpoint(tmp_path / "again", tiny(), about=dict(reversed(ABOUT.items()))) == sha256_of(file)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_checkpoint(path, tiny(), about={}, half=True)
    assert {t.dtype for t in load_file(path).values()} == {torch.float16}
    for k, v in load_checkpoint(path).model.state_dict().items():
        assert v.dtype == torch.float32
        assert torch.equal(v, tiny().state_dict()[k].half().float())


def test_weights_beyond_half_precision_are_not_made_infinite(tmp_path: Path) -> None:
    model = tiny()
    with torch.no_grad():
        model.posterior_head.bias[0] = 1e5
    with pytest.raises(CheckpointError, match=r"half precision; found 1e\+05 in posterior_head\.bias"):
        save_checkpoint(tmp_path / "x", model, about={}, half=True)
    assert os.listdir(tmp_path) == []


class Double(nn.Module):
    """A model in float64 with tied weights and a nested class."""

    class Inner(nn.Module):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.n, self.w = n, nn.Parameter(torch.full((n,), 1 / 3, dtype=torch.float64))
            self.tied = self.w

        def config(self) -> dict[str, Any]:
            return {"n": self.n}


def test_a_users_nested_double_precision_model_keeps_every_bit(tmp_path: Path) -> None:
    model = Double.Inner(3)
    with torch.no_grad():
        model.w.mul_(0.1)
    save_checkpoint(tmp_path / "x", model, about={})
    found = load_checkpoint(tmp_path / "x", shape=(1, 2, 2)).model
    assert found.w.dtype == torch.float64
    assert torch.equal(found.w, model.w)
    assert type(found).__qualname__ == "Double.Inner"


def test_a_model_that_cannot_say_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"a model needs `config\(\)`.*; found Linear without it"):
        save_checkpoint(tmp_path / "x", nn.Linear(1, 1), about={})


def test_a_full_disk_keeps_the_old_checkpoint(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as f:
            f.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="the disk is full"):
        save_checkpoint(file, MlpVae([1, 3, 3]), about={})
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_digest_sees_every_bit_type_shape_and_name(dtype: torch.dtype) -> None:
    t = torch.tensor([[0, 1, 0], [1, 1, 0]]).to(dtype)
    other = t.clone()
    other[1, 2] = 1
    digests = [
        digest({"a": t}),
        digest({"b": t}),
        digest({"a": other}),
        digest({"a": t.reshape(3, 2)}),
        digest({"a": t.reshape(-1)}),
        digest({"a": t[0, 0]}),
        digest({"a": t[0, 1]}),
        digest({"a": t[:0]}),
        digest({"a": t, "b": t}),
        digest({"a": t.to(torch.int32)}),
    ]
    assert len(set(digests)) == len(digests)
    assert digest({"a": t.T.contiguous().T, "b": other}) == digest({"b": other, "a": t}), "neither layout nor order"


def test_the_digest_is_pinned() -> None:
    """A change of it would make every checkpoint in the world unreadable."""
    tensors = {"w": torch.arange(6, dtype=torch.float32).reshape(2, 3), "n": torch.tensor(3)}
    assert digest(tensors) == "c708375181634d91a03eccefb74f7de313b22e214d0ab0e094b92c62b37a8500"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "arrays of NumPy, which are no weights of a model"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file, as Keras writes them"),
        (b"GGUF\x03" + bytes(99), "a GGUF file, as llama.cpp reads them"),
        (b"PK\x03\x04 and so on", "a pickle, which is never loaded"),
        (b"\x80\x02}q\x00.", "a pickle, which is never loaded"),
        (b"no weights at all", "header"),
        ((2**60).to_bytes(8, "little") + b"{}", "header too large"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    sentence = refused(path)
    assert sentence.startswith("a checkpoint must be a whole safetensors file; found")
    assert what in sentence


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_numpy_are_no_pickle(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "x.npz", train_images=np.zeros(3))
    assert "found arrays of NumPy, which are no weights of a model: " in refused(tmp_path / "x.npz")


def test_a_file_that_may_not_be_read_is_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """safetensors says "No such file" of it. Root may read everything, so both are told what others are told."""

    def refuse(*_: Any, **__: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))

    monkeypatch.setattr("gsu_cli.run.tensor_files.safe_open", refuse)
    with pytest.raises(CheckpointError, match="No such file"):
        read_tensors(file)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError) as raised:
        read_tensors(file)
    said = explain(raised.value, App()).sentence
    assert said.startswith(f"gsu must be allowed to use every file and folder it is given; found {file} (Permission")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_never_opened(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "x.pt"
    torch.save(tiny().state_dict(), path, _use_new_zipfile_serialization=zipped)
    assert "found a pickle, which is never loaded (it can run code)" in refused(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_at_any_place(file: Path, share: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: (there := int(share * len(data)))])
    sentence, header = refused(file), 8 + int.from_bytes(data[:8], "little")
    assert "must be a whole safetensors file" in sentence
    assert sentence.endswith("Copy it again: it was cut off on its way, or changed.")
    if there:
        cut = f"instead of {len(data):,}" if there > header else f"where the header alone takes {header:,}"
        assert f"found {there:,} bytes" in sentence
        assert cut in sentence


def test_a_file_with_more_at_its_end(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data + b"..")
    assert f"found {len(data) + 2:,} bytes instead of {len(data):,}" in refused(file)


def test_one_altered_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    assert "the digest of the weights must match" in refused(file)


@pytest.mark.parametrize(("number", "word"), [(torch.nan, "nan"), (torch.inf, "inf"), (-torch.inf, "inf")])
def test_weights_that_are_not_finite(tmp_path: Path, number: float, word: str) -> None:
    """Whoever samples from them would get an image of nothing, or blame its own step."""
    model = tiny()
    with torch.no_grad():
        model.decoder[0].weight[0, 0] = number
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, model, about={})
    assert refused(path) == (
        f"the weights of a checkpoint must be finite; found {word} in decoder.0.weight of {path}. "
        "Take an earlier file, or train again at a lower training.lr."
    )


def test_missing_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        assert "`checkpoint.path` must be an existing file" in refused(path)
    with pytest.raises(CheckpointError, match="must be a whole safetensors file"):
        read_tensors(tmp_path)


def test_a_pipe_is_not_near_itself(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    assert near_path(tmp_path / "model.safetensors") == ""


def test_a_link_whose_file_was_moved_is_not_proposed(tmp_path: Path) -> None:
    """It was told "Did you mean" its own name."""
    (tmp_path / "moved.safetensors").symlink_to("vae.safetensors")
    assert "Put back what the link leads to, 'vae.safetensors'." in refused(tmp_path / "moved.safetensors")
    (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
    for name in ("moved.safetensors", "move.safetensors", "loop.safetensors"):
        assert "Did you mean" not in refused(tmp_path / name)


def test_another_shape(file: Path) -> None:
    sentence = refused(file, shape=(1, 28, 28))
    assert "must be for images of the data set's shape (1, 28, 28); found (1, 2, 2)" in sentence
    assert (
        "scale the images by dataset.size, which folder, parquet, celeba and avatars have: dataset.size=2" in sentence
    )
    assert "dataset.size" not in refused(file, shape=(3, 28, 28))


def test_safetensors_of_others(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(save({"a": torch.zeros(2)}))
    assert "must carry gsu metadata" in refused(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"x"'])
def test_metadata_that_is_no_object(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(save({"a": torch.zeros(2)}, metadata={"gsu": text}))
    assert "the gsu metadata must be a JSON object" in refused(path)


@pytest.mark.parametrize("key", ["target", "config", "digest", "about"])
@pytest.mark.parametrize("value", [None, 3])
def test_metadata_that_lacks_a_key(tmp_path: Path, key: str, value: object) -> None:
    assert f"found {key} missing or of another type" in refused(forge(tmp_path / "x", **{key: value}))


@pytest.mark.parametrize(
    ("key", "value", "must"),
    [
        ("dataset", 3, "text"),
        ("classes", "0123", "a list"),
        ("recipe", "thirty epochs", "a JSON object"),
        ("n", "180", "an integer"),
        ("forget_options", [1], "a JSON object"),
    ],
)
def test_facts_of_another_type(tmp_path: Path, key: str, value: object, must: str) -> None:
    """They are read far from here; each was a traceback in the midst of a run."""
    said = refused(forge(tmp_path / "x", about={key: value}))
    assert f"`{key}` in the metadata of a checkpoint must be {must}; found {json.dumps(value)}" in said


@pytest.mark.parametrize("recipe", [{"epochs": "many"}, {"epochs": 3, "warmup": 2}, {"lr": None}])
def test_a_recipe_of_another_gsu(tmp_path: Path, recipe: dict[str, Any]) -> None:
    from gsu_cli.verbs.opening_weights import recipe_of

    path = tmp_path / "x.safetensors"
    save_checkpoint(path, tiny(), about={"recipe": recipe})
    with pytest.raises(CheckpointError, match=r"must be one of `gsu train`; found .*x\.safetensors"):
        recipe_of(load_checkpoint(path))


def test_metadata_of_a_later_gsu(tmp_path: Path) -> None:
    assert "must be 1; found 2. Update gsu" in refused(forge(tmp_path / "x", schema=2))
    for schema, shown in ((0, "0"), (True, "true"), (1.0, "1.0"), ("1", '"1"')):
        assert f"must be 1; found {shown}. Train one" in refused(forge(tmp_path / "x", schema=schema))


def test_a_training_state_is_no_checkpoint(tmp_path: Path) -> None:
    path = forge(tmp_path / "x", target=None, config=None, about=None, facts={})
    assert "A training state goes on with `gsu train resume=`" in refused(path)


@pytest.mark.parametrize(
    ("target", "config", "what"),
    [
        ("nosuchpackage.Model", {}, "No module named 'nosuchpackage'"),
        ("Model", {}, "No module named 'Model'"),
        ("", {}, "invalid format"),
        ("..relative", {}, "invalid format"),
        ("gsu_cli.models.vae.mlp_vae.Nope", {}, "has no attribute 'Nope'"),
        ("gsu_cli.errors.did_you_mean", {}, "is not a torch module"),
        ("gsu_cli.errors.GsuError", {}, "is not a torch module"),
        (TARGET, {**CONFIG, "depth": 3}, "unexpected keyword argument 'depth'"),
        (TARGET, {"latent_dim": 2}, "missing 1 required positional argument"),
        (TARGET, {**CONFIG, "hidden": []}, "`model.hidden` must be a list of integers"),
        (TARGET, CONFIG, "Error(s) in loading state_dict for MlpVae: Missing key(s)"),
    ],
)
def test_a_class_that_cannot_be_built(tmp_path: Path, target: str, config: dict[str, Any], what: str) -> None:
    sentence = refused(forge(tmp_path / "x", target=target, config=config))
    assert f"must rebuild as {target}" in sentence
    assert what in sentence


def test_the_error_is_a_users_error() -> None:
    assert issubclass(CheckpointError, GsuError)


def test_the_words_of_the_docs_stand_for_a_folder() -> None:
    typed = Path("outputs/train/DATE/TIME/model.safetensors")
    assert refused(typed).endswith("Put the run's own folder in place of DATE/TIME: `gsu show runs` lists them.")


def test_a_mistyped_path_of_weights_is_answered_with_the_nearest(file: Path) -> None:
    typed = file.with_name(f"{file.stem}s{file.suffix}")
    with pytest.raises(CheckpointError, match=rf"Did you mean '{file}'\? Train one with"):
        load_checkpoint(typed)
