"""dataset=cifar: the four archives' forms, and pickles that ask for more than arrays."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gsu_cli.data.cifar import Cifar
from gsu_cli.data.safe_pickle import read_pickle
from gsu_cli.errors import DataError, UsageError

TEN = [b"airplane", b"automobile", b"bird"]
DATA = np.arange(2 * 3072, dtype=np.int64).astype(np.uint8).reshape(2, 3072)


def short(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def of_python_2(batch: dict[bytes, Any]) -> bytes:
    """``batch`` as Python 2 and NumPy 1 pickled the official files: protocol 2, str where bytes are meant."""
    out = b"\x80\x02}("
    for key, value in batch.items():
        out += short(key)
        if isinstance(value, np.ndarray):
            raw = value.tobytes()
            out += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + short(b"b") + b"\x87R("
            out += b"K\x01" + b"".join(b"M" + struct.pack("<H", n) for n in value.shape) + b"\x86"
            out += b"cnumpy\ndtype\n" + short(b"u1") + b"K\x00K\x01\x87R(K\x03" + short(b"|") + b"NNN"
            out += b"J\xff\xff\xff\xff" * 2 + b"K\x00tb\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
        elif isinstance(value, list):
            out += b"](" + b"".join(short(v) if isinstance(v, bytes) else b"K" + bytes([v]) for v in value) + b"e"
        else:
            out += short(value)
    return out + b"u."


def archive(root: Path, write: Any = of_python_2) -> Path:
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        batch = {
            b"batch_label": name.encode(),
            b"data": DATA + np.uint8(i),
            b"labels": [i % 3, 2],
            b"filenames": [b"a"] * 2,
        }
        (folder / name).write_bytes(write(batch))
    (folder / "batches.meta").write_bytes(write({b"label_names": TEN}))
    return root


def by_python_3(batch: dict[bytes, Any]) -> bytes:
    return pickle.dumps(batch, protocol=2)


def newest(batch: dict[bytes, Any]) -> bytes:
    return pickle.dumps(batch, protocol=5)


@pytest.mark.parametrize("write", [of_python_2, by_python_3, newest])
def test_cifar_10(tmp_path: Path, write: Any) -> None:
    archive(tmp_path, write)
    for path in (tmp_path, tmp_path / "cifar-10-batches-py"):
        dataset = Cifar(str(path)).load()
        assert (dataset.name, dataset.shape) == ("cifar10", (3, 32, 32))
        assert dataset.train.labels.tolist() == [0, 2, 1, 2, 2, 2, 0, 2, 1, 2]
        assert dataset.heldout.labels.tolist() == [2, 2]
        assert dataset.class_names == {0: "airplane", 1: "automobile", 2: "bird"}
        assert np.array_equal(dataset.train.pixels[2].numpy().ravel(), DATA[0] + np.uint8(1)), "channel, row, column"
    assert Cifar(str(tmp_path), classes=["bird"]).load().class_names == {2: "bird"}


def test_the_writer_of_this_test_writes_what_pickle_reads() -> None:
    batch = {b"data": DATA, b"labels": [1, 2], b"filenames": [b"a", b"b"]}
    found = pickle.loads(of_python_2(batch), encoding="bytes")  # our own bytes
    assert found[b"labels"] == [1, 2]
    assert np.array_equal(found[b"data"], DATA)


def test_cifar_100(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    batch = {b"data": DATA, b"fine_labels": [3, 1], b"coarse_labels": [1, 0], b"filenames": [b"a", b"b"]}
    (folder / "train").write_bytes(of_python_2(batch))
    (folder / "test").write_bytes(of_python_2(batch))
    names = {b"fine_label_names": [b"a", b"b", b"c", b"d"], b"coarse_label_names": [b"one", b"two"]}
    (folder / "meta").write_bytes(of_python_2(names))
    fine, coarse = Cifar(str(tmp_path)).load(), Cifar(str(tmp_path), labels="coarse").load()
    assert (fine.name, fine.class_names, fine.train.labels.tolist()) == ("cifar100", {1: "b", 3: "d"}, [3, 1])
    assert (coarse.class_names, coarse.train.labels.tolist()) == ({0: "one", 1: "two"}, [1, 0])
    archive(tmp_path)
    with pytest.raises(DataError, match="must hold one CIFAR; found .*cifar-10-batches-py, .*cifar-100-python. Type"):
        Cifar(str(tmp_path)).load()
    with pytest.raises(UsageError, match="`dataset.labels=coarse` must be asked of CIFAR-100; found CIFAR-10"):
        Cifar(str(tmp_path / "cifar-10-batches-py"), labels="coarse").load()


def test_binary_files(tmp_path: Path) -> None:
    ten = tmp_path / "cifar-10-batches-bin"
    ten.mkdir()
    for i, name in enumerate([*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]):
        rows = (bytes([label]) + (x + np.uint8(i)).tobytes() for label, x in zip((i % 3, 2), DATA, strict=True))
        (ten / name).write_bytes(b"".join(rows))
    (ten / "batches.meta.txt").write_text("airplane\nautomobile\nbird\n\n")
    (tmp_path / "py").mkdir()
    assert Cifar(str(ten)).load().digest() == Cifar(str(archive(tmp_path / "py"))).load().digest()
    hundred = tmp_path / "cifar-100-binary"
    hundred.mkdir()
    for name in ("train.bin", "test.bin"):
        (hundred / name).write_bytes(b"".join(bytes([1, 3]) + x.tobytes() for x in DATA))
    (hundred / "fine_label_names.txt").write_text("a\nb\nc\nd\n")
    (hundred / "coarse_label_names.txt").write_text("one\ntwo\n")
    assert Cifar(str(hundred)).load().class_names == {3: "d"}
    assert Cifar(str(hundred), labels="coarse").load().class_names == {1: "two"}
    (hundred / "train.bin").write_bytes(bytes(3000))
    with pytest.raises(DataError, match="must hold whole records of 3074 bytes; found 3,000 bytes"):
        Cifar(str(hundred)).load()


class Asks:
    def __reduce__(self) -> Any:
        return os.getcwd, ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({"data": Asks()}), r"found the name posix.getcwd, which is not read"),
        (pickle.dumps({"data": np.array([{}])}), "an array of 1 entries of 'O8' that does not fit"),
        (pickle.dumps({"data": DATA})[:1000], "must be a whole pickle"),
        (b"", "must be a whole pickle"),
        (b"no pickle", "must be a whole pickle"),
        (b"\x80\x02cnumpy\nndarray\n.", "must hold data and labels; found type"),
    ],
)
def test_pickles_that_hold_other_things(tmp_path: Path, content: bytes, said: str) -> None:
    archive(tmp_path)
    file = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    file.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        Cifar(str(tmp_path)).load()
    assert "data_batch_3" in str(caught.value)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i4"])
def test_arrays_of_any_protocol(tmp_path: Path, protocol: int, dtype: str) -> None:
    array = np.arange(6).astype(dtype).reshape(2, 3)
    content = {"a": array, "t": np.asfortranarray(array), "n": [np.int64(7), 3, "x", b"y"]}
    (tmp_path / "x").write_bytes(pickle.dumps(content, protocol=protocol))
    found = read_pickle(tmp_path / "x")
    assert np.array_equal(found["a"], array)
    assert np.array_equal(found["t"], array)
    assert found["n"] == [7, 3, "x", b"y"]


def test_folders_that_are_not_cifar(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`dataset.path` must be one of cifar-10-batches-py, .* found none in"):
        Cifar(str(tmp_path)).load()
    archive(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(DataError, match="must hold all of its files; found no data_batch_4"):
        Cifar(str(tmp_path)).load()
    with pytest.raises(UsageError, match="`dataset.labels` must be one of fine, coarse"):
        Cifar("x", labels="middle")
