"""Provenance and seeds: equal for what is equal, different for what is not, empty for what is unknown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gsu_cli.run import provenance
from gsu_cli.run.device import describe
from gsu_cli.run.seeds import derive, generator

CONFIG = {"dataset": {"name": "mnist"}, "seed": 0, "method": {"lr": 1e-5}, "paths": {"output_dir": "a"}}


def test_the_config_hash_ignores_paths_alone() -> None:
    first = provenance.config_hash(CONFIG)
    assert len(first) == 16
    assert provenance.config_hash({**CONFIG, "paths": {"output_dir": "b", "more": 1}}) == first
    assert provenance.config_hash(dict(reversed(CONFIG.items()))) == first
    others = [
        {**CONFIG, "seed": 1},
        {**CONFIG, "seed": "0"},
        {**CONFIG, "method": {"lr": 2e-5}},
        {**CONFIG, "method": {"lr": 1e-5, "paths": "b"}},
        {**CONFIG, "more": None},
    ]
    assert len({first, *map(provenance.config_hash, others)}) == 1 + len(others)


def commit(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    run = subprocess.run(["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the package's own file, in a folder of the test's."""
    file = tmp_path / "provenance.py"
    file.write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(file))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("GIT_DIR", raising=False)
    return file


def test_no_checkout(module: Path) -> None:
    assert provenance.git() == {}


def test_an_installed_copy_inside_somebody_elses_checkout(module: Path) -> None:
    commit(module.parent, "init", "-q")
    assert provenance.git() == {}


def test_commit_and_changes(module: Path) -> None:
    commit(module.parent, "init", "-q")
    commit(module.parent, "add", ".")
    commit(module.parent, "commit", "-qm", "first")
    head = commit(module.parent, "rev-parse", "HEAD")
    assert provenance.git() == {"commit": head, "dirty": False}
    module.write_text("x = 2\n")
    assert provenance.git() == {"commit": head, "dirty": True}


def test_no_git(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.git() == {}


def test_what_git_does_not_say_is_not_clean(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(line: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if "status" in line:
            raise subprocess.TimeoutExpired(line, 5)
        return subprocess.CompletedProcess(line, 0, "abc\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert provenance.git() == {"commit": "abc", "dirty": None}


def test_versions_and_device() -> None:
    versions = provenance.versions()
    assert set(versions) == {"python", *provenance.PACKAGES}
    assert versions["torch"] == torch.__version__.partition("+")[0]  # the local label is no part of the metadata
    assert describe(torch.device("cpu"))["threads"] == torch.get_num_threads()


def test_seeds_are_pinned() -> None:
    """A change of them moves every number."""
    assert [derive(0), derive(0, "epoch", 3), derive(1, "epoch", 3)] == [
        3456079177858693020,
        251044065527859115,
        908349104476543618,
    ]


def test_streams_are_equal_by_name_and_independent_of_each_other() -> None:
    first = torch.rand(4, generator=generator(3, "sample"))
    assert torch.equal(first, torch.rand(4, generator=generator(3, "sample")))
    for other in (generator(4, "sample"), generator(3, "train"), generator(3, "sample", 0), generator(3)):
        assert not torch.equal(first, torch.rand(4, generator=other))


@pytest.mark.skipif(sys.platform != "linux", reason="getrusage begins anew elsewhere")
def test_a_peak_is_that_of_the_process_itself() -> None:
    """Not of the process that started it, as a table's or a bench's, which may have held far more."""
    code = "from gsu_cli.run.provenance import peak_memory_mb; print(peak_memory_mb())"
    starts = (
        "import subprocess, sys; held = bytearray(b'x') * 200_000_000; "
        f"print(subprocess.check_output([sys.executable, '-c', {code!r}], text=True))"
    )
    found = subprocess.run([sys.executable, "-c", starts], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert 5 < float(found.split()[0]) < 150


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_a_megabyte_is_a_million_bytes() -> None:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    assert provenance.peak_memory_mb() == pytest.approx(kibibytes * 1024 / 1e6, rel=0.01)
