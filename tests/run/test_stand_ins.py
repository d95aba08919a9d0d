"""Files that are not what their names say: pointers of Git LFS, pages, archives; of weights and of every data set."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gsu_cli.data.celeba_files import read_numbers
from gsu_cli.data.folder import Folder
from gsu_cli.data.idx_format import read_idx
from gsu_cli.data.metadata_rows import rows_of
from gsu_cli.data.npz import Npz
from gsu_cli.data.parquet import Parquet
from gsu_cli.data.safe_pickle import read_pickle
from gsu_cli.errors import CheckpointError, DataError
from gsu_cli.run.import_weights import read_foreign
from gsu_cli.run.tensor_files import read_tensors

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"


def packed(kind: str) -> bytes:
    """A state dict in an archive."""
    weights, whole = io.BytesIO(), io.BytesIO()
    torch.save({"weight": torch.ones(2)}, weights)
    if kind == "gzip":
        return gzip.compress(weights.getvalue())
    if kind == "zip":
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("weights.pt", weights.getvalue())
        return whole.getvalue()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        member = tarfile.TarInfo("weights.pt")
        member.size = len(weights.getvalue())
        tar.addfile(member, io.BytesIO(weights.getvalue()))
    return whole.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "what", "way_out"),
    [
        ("x.pt", POINTER, "a pointer of Git LFS", "git lfs pull"),
        ("x.safetensors", POINTER, "a pointer of Git LFS", "git lfs pull"),
        ("x.pt", PAGE, "a web page", "Get the file again"),
        ("x.pt.gz", packed("gzip"), "a packed file", "unpacked"),
        ("x.pth.tar", packed("tar"), "an archive", "unpacked"),
        ("x.pt", packed("zip"), "a zip archive without weights", "Name a file of weights"),
        ("x.msgpack", b"\x82\xa1a\x01", "as Flax writes them", "Name a file of weights"),
        ("checkpoint", b'model_checkpoint_path: "m-1"', "TensorFlow", "Name a file of weights"),
    ],
)
def test_weights(tmp_path: Path, name: str, content: bytes, what: str, way_out: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as refused:
        read_foreign(tmp_path / name)
    assert what in str(refused.value)
    assert way_out in str(refused.value)
    assert "deserializing" not in str(refused.value)


def test_a_program_of_torch_export_is_named(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),)), tmp_path / "x.pt2")
    with pytest.raises(CheckpointError, match=r"a program of torch\.export"):
        read_foreign(tmp_path / "x.pt2")


def test_what_gsu_wrote_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(POINTER)
    with pytest.raises(CheckpointError, match=r"a pointer of Git LFS.* git lfs pull"):
        read_tensors(tmp_path / "model.safetensors")


def in_a_folder(path: Path) -> None:
    for i in range(4):
        Image.fromarray(np.full((8, 8), i, dtype=np.uint8)).save(path.parent / f"{i}.png")
    Folder(str(path.parent.parent), "pets").load()


DATA = {
    "x.npz": lambda path: Npz(str(path), "pets").load(),
    "train-images-idx3-ubyte": lambda path: read_idx(path, "images"),
    "train-0.parquet": lambda path: Parquet(str(path.parent), "pets").load(),
    "data_batch_1": read_pickle,
    "list_eval_partition.txt": read_numbers,
    "metadata.csv": lambda path: list(rows_of(path)),
    "cat.png": in_a_folder,
}


@pytest.mark.parametrize("name", DATA)
def test_data(tmp_path: Path, name: str) -> None:
    path = tmp_path / "pets" / "cat" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(POINTER)
    with pytest.raises(DataError, match="a pointer of Git LFS"):
        DATA[name](path)


@pytest.mark.parametrize(
    ("head", "said"),
    [((0x0D, 3), "float32 in 3 axes"), ((8, 4), "bytes in 4 axes"), ((8, 1), "bytes in one axis")],
)
def test_idx_files_of_other_numbers_are_not_called_damaged(tmp_path: Path, head: tuple[int, int], said: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(bytes((0, 0, *head)) + bytes(40))
    with pytest.raises(DataError) as refused:
        read_idx(path, "images")
    assert said in str(refused.value)
    assert "Save images as bytes in 3 axes, (n, h, w), or use dataset=npz" in str(refused.value)
