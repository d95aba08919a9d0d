"""A folder is listed in the order of paths, and its digest changes with whatever happens to a file in it."""

from __future__ import annotations

import gc
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gsu_cli.data import walk as module
from gsu_cli.data.walk import File, digest, walk
from gsu_cli.errors import DataError

NAMES = [
    "a.b/1.png",
    "a/10.png",
    "a/2.png",
    "a/b/0.png",
    "a/c.png",
    "a-1/x.PNG",
    "b.png",
    "Z/é.png",
    "a/.hidden",
    "n.md",
]

TICK = 0.02  # seconds; a disk's clock may stand still for a few thousandths


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def marked(root: Path) -> str:
    return digest(root, walk(root, "a folder").files)


def test_files_are_in_the_order_of_paths(tree: Path) -> None:
    found = walk(tree, "a folder")
    expected = sorted(Path(name) for name in NAMES if "hidden" not in name)
    assert [Path(file.name) for file in found.files] == expected
    assert [file.parts for file in found.files] == [path.parts for path in expected]
    assert found.folders == [("Z",), ("a",), ("a", "b"), ("a-1",), ("a.b",)]
    assert found.hidden == ["a/.hidden"]
    for file in found.files:
        stat = (tree / file.name).stat()
        assert file.marks == (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def test_the_digest_is_of_place_names_and_marks_one_a_line(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays that earlier builds kept are found by it."""
    files = walk(tree, "a folder").files
    text = str(tree.resolve()) + "".join(f"\n{'/'.join(file.parts)} {file.marks}" for file in files)
    expected = hashlib.sha256(text.encode()).hexdigest()
    for at_once in (1, 3, len(files), 10_000):
        monkeypatch.setattr(module, "AT_ONCE", at_once)
        assert digest(tree, files) == expected
    assert digest(tree, []) == hashlib.sha256(os.fsencode(tree.resolve())).hexdigest()


def put_back(path: Path, change: Callable[[], object]) -> None:
    """As unpacking an archive again does: the time of the last change is the old one."""
    stat = path.stat()
    change()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def swap(root: Path) -> None:
    (root / "a/10.png").rename(root / "a/between")
    (root / "a/2.png").rename(root / "a/10.png")
    (root / "a/between").rename(root / "a/2.png")


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed": lambda root: (root / "a/2.png").write_bytes(b"other"),
    "changed, as long, its time put back": lambda root: put_back(
        root / "a/2.png", lambda: (root / "a/2.png").write_bytes(b"A/2.PNG")
    ),
    "touched": lambda root: (root / "a/2.png").touch(),
    "added": lambda root: (root / "a/3.png").write_bytes(b"a/3.png"),
    "removed": lambda root: (root / "a/2.png").unlink(),
    "renamed": lambda root: (root / "a/2.png").rename(root / "a/3.png"),
    "moved": lambda root: (root / "a/2.png").rename(root / "a/b/2.png"),
    "swapped": swap,
    "class renamed": lambda root: (root / "a-1").rename(root / "a-2"),
    "all moved": lambda root: root.rename(root.with_name("elsewhere")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_happens_to_a_file_is_noticed(tree: Path, change: str) -> None:
    before = marked(tree)
    assert marked(tree) == before
    time.sleep(TICK)
    CHANGES[change](tree)
    assert marked(tree if tree.exists() else tree.with_name("elsewhere")) != before


def test_what_a_link_leads_to_is_noticed(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.png"
    target.write_bytes(b"one")
    (tree / "a/link.png").symlink_to(target)
    before = marked(tree)
    time.sleep(TICK)
    target.write_bytes(b"another")
    assert marked(tree) != before


@pytest.mark.parametrize("on", [True, False])
def test_the_collector_is_as_it_was(tree: Path, on: bool) -> None:
    (tree / "bad\nname").touch()
    (gc.enable if on else gc.disable)()
    try:
        with pytest.raises(DataError, match="printable"):
            walk(tree, "a folder")
        assert gc.isenabled() is on
        (tree / "bad\nname").unlink()
        assert all(isinstance(file, File) for file in walk(tree, "a folder").files)
        assert gc.isenabled() is on
    finally:
        gc.enable()
