"""Any device: the CPU's numbers on another one, and sentences where there is none such."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gsu_cli.errors import UsageError
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.device import choose, describe
from gsu_cli.surgery.devices import coins, normal, uniform

HERE = Path(__file__).parent
ROUNDING = 1e-4  # of how far the weights moved: the order of sums inside a matrix product differs by memory layout
METHODS = sorted(path.stem for path in (conf_dir() / "method").glob("*.yaml"))


def on_both(folder: Path, *cases: str) -> dict[str, dict[str, object]]:
    """What `pretend_cases` printed."""
    line = [sys.executable, str(HERE / "pretend_cases.py"), str(folder), *cases]
    sources = str(Path(__file__).parents[1] / "src")
    path = os.pathsep.join([sources, str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert run.returncode == 0, run.stderr
    found = [json.loads(text) for text in run.stdout.splitlines()]
    return {row["case"]: row for row in found}


def assert_the_same(found: dict[str, dict[str, object]]) -> None:
    for name, row in found.items():
        assert row["error"] is None, (name, row["error"])
        if name.startswith("verbs"):
            figures = dict(row["found"])
            assert figures.pop("device") == ["cpu", "pretend"]
            assert len(figures) > 30
            for key, (one, other) in figures.items():
                assert one == other if one is None else other == pytest.approx(one, rel=1e-6), key
        else:
            assert float(row["found"]) < ROUNDING, row


WALL = "the wall"
WANTED = (
    "method fisher_surgery", "method fisher_surgery of many images",
    "method fisher_surgery where retained images are", "method newton without float64", "verbs",
    "diffusion: curvature", "diffusion: sampling and losses", "GAN: curvature", "GAN: training",
)  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Of one process, which takes seconds to start."""
    return on_both(tmp_path_factory.mktemp("both"), WALL, *WANTED)


def test_the_verbs_and_the_default_method_give_the_cpus_numbers_on_another_device(both):
    assert set(both) == {WALL, *WANTED}
    assert_the_same({name: row for name, row in both.items() if name != WALL})


@pytest.mark.slow
def test_every_method_gives_the_cpus_weights_on_another_device(tmp_path):
    found = on_both(tmp_path)
    assert found.pop(WALL)["error"] is None
    assert {name for name in found if name.startswith("method")} >= {f"method {name}" for name in METHODS}
    for family in ("conditional VAE", "diffusion", "GAN"):
        ran = {name.partition(": ")[2] for name in found if name.startswith(f"{family}: ")}
        assert ran >= {"sampling and losses", "curvature", "training", "method fisher_surgery", "method finetune"}
    assert len([name for name in found if name.startswith("diffusion: method")]) >= len(METHODS) - 4  # decode or ask
    assert_the_same(found)


def test_the_wall_of_the_pretended_device_is_one(both):
    """The negative control: what a real accelerator refuses is refused there, too."""
    assert both[WALL]["found"] == [*["RuntimeError"] * 4, "TypeError", [2.0, 2.0]], both[WALL]["error"]


@pytest.mark.parametrize("name", ["cuda:7", "gpu", "cdua", "cpu:1", "", None, 0, True, ["cpu"]])
def test_a_device_that_is_not_here_is_one_sentence(name, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(UsageError, match="`device` must be auto or one that torch finds here") as e:
        choose(name)
    assert "(cpu); found" in str(e.value)
    assert "\n" not in str(e.value)
    assert str(e.value).endswith(
        "Did you mean 'cpu'?"
        if name in ("cpu:1", ["cpu"])
        else "Leave it out: auto takes an accelerator where torch finds one."
    )  # "cpu" is no slip of "gpu"


def test_several_devices_are_named_and_auto_takes_the_first(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    assert [str(choose(name)) for name in ("auto", "cuda", "cuda:0", "cuda:1", "cpu")] == [
        "cuda:0", "cuda:0", "cuda:0", "cuda:1", "cpu",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="cpu, cuda, cuda:1"):
        choose("cuda:2")


def test_the_record_says_what_computed():
    facts = describe(torch.device("cpu"))
    assert facts["type"] == "cpu"
    assert facts["tf32"] is False
    assert facts["autocast"] is None


def test_a_wrong_device_is_said_before_anything_is_loaded(type_line, tmp_path):
    typed = type_line("unlearn", "forget.class=1", "device=tpu", cwd=tmp_path)
    assert typed.code == 2
    assert "`device` must be auto" in typed.err
    assert "Traceback" not in typed.err


def test_noise_is_the_generators_whatever_the_device():
    like = torch.zeros(1, dtype=torch.float64)
    for draw in (
        lambda g: normal((3,), g, like),
        lambda g: uniform((3,), g, like),
        lambda g: coins(torch.full((3,), 0.5), g),
    ):
        one, two = (draw(torch.Generator().manual_seed(1)) for _ in range(2))
        assert torch.equal(one, two)
        assert not torch.equal(one, draw(torch.Generator().manual_seed(2)))
