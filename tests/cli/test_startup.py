"""Help answers at once: neither Hydra nor torch is imported for it. A run imports no more than it uses."""

from __future__ import annotations

import functools
import gc
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from gsu_cli.cli import collector, torch_early

PROBE = """
import sys
from gsu_cli.cli import main
code = main({words!r})
heavy = [name for name in ("torch", "hydra", "omegaconf", "rich", "numpy", "yaml") if name in sys.modules]
sys.exit(f"imported {{heavy}}" if heavy else code)
"""

LIGHT = [[], ["--help"], ["help"], ["help", "unlearn"], ["unlearn", "--help"], ["--version"], ["--completion", "bash"],
         ["--complete", "gsu un"]]  # fmt: skip


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_nothing_heavy_is_imported(words: list[str], environment: dict[str, str]) -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROBE.format(words=words)], env=environment, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout


COMPUTE = """
import sys
from pathlib import Path
import torch
from gsu_cli.data.base import Images
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.gradients import mean_gradient
from gsu_cli.models.gan.dcgan import Dcgan
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.optimisers import Adam, Sgd
import gsu_cli.loggers.mlflow, gsu_cli.loggers.tensorboard, gsu_cli.loggers.wandb, gsu_cli.verbs.unlearn
model = MlpVae((1, 4, 4), 2, (8,), "silu")
images = Images(torch.zeros(4, 1, 4, 4, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
kronecker_fisher(model, images, seed=0)
mean_gradient(model, images, [name for name, _ in model.named_parameters()], seed=0)
for kind in (Adam, Sgd):
    w = torch.ones(3, requires_grad=True)
    w.grad = torch.ones(3)
    kind([w], 0.1).step()
for trained in (model, Dcgan((1, 8, 8), latent_dim=2, channels=(4, 4), critic=(4, 4, 4))):
    side = trained.shape[-1]
    images = Images(torch.zeros(4, 1, side, side, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    fit(trained, images, Recipe(2, 2, 1e-3, ema=0.9), seed=0, state=Path(sys.argv[1]) / f"{side}.safetensors")
heavy = ("torchvision", "sympy", "scipy", "matplotlib", "torch._dynamo", "pandas", "mlflow", "tensorboard", "wandb")
slow = [name for name in heavy if name in sys.modules]
sys.exit(f"imported {slow}" if slow else 0)
"""


def test_computing_imports_nothing_that_takes_longer_than_its_gradients_and_no_logger(
    environment: dict[str, str], tmp_path: Path
) -> None:
    line = [sys.executable, "-c", COMPUTE, str(tmp_path)]
    found = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


def test_the_collector_rests_until_the_work_begins_and_never_longer() -> None:
    assert gc.isenabled()
    with collector.resting():
        assert not gc.isenabled()
        collector.wake()
        assert gc.isenabled()
    with pytest.raises(ValueError, match="stops"), collector.resting():
        raise ValueError("a line that stops before its work")
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with collector.resting():
            collector.wake()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_verb_runs_with_the_collector_on(in_process: Callable[..., tuple[int, str, str]]) -> None:
    import fake_verbs

    found: list[bool] = []
    kept = fake_verbs.show
    fake_verbs.show = lambda config: found.append(gc.isenabled())
    try:
        code, _, err = in_process("show")
    finally:
        fake_verbs.show = kept
    assert (code, found) == (0, [True]), err
    assert gc.isenabled()


LOADS = """
import os, sys, threading
os.sched_getaffinity = lambda process: set(range({cores}))
from pathlib import Path
from gsu_cli.cli import torch_early
torch_early.load_early({verb!r}, {words!r})
torch_early.loaded()
held = "libtorch_cpu" in Path("/proc/self/maps").read_text()
assert "torch" not in sys.modules and threading.active_count() == 1
if held:
    import torch
    assert float(torch.ones(2).sum()) == 2
print(held)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere libraries are left to `import torch`")
@pytest.mark.parametrize(
    ("verb", "words", "cores", "held"),
    [
        ("unlearn", ["seed=1"], 2, True),
        ("unlearn", ["seed=1"], 1, False),
        ("unlearn", ["--cfg=job"], 2, False),
        ("report", [], 2, False),
    ],
    ids=str,
)
def test_the_library_of_torch_is_loaded_for_lines_that_compute(
    verb: str, words: list[str], cores: int, held: bool, environment: dict[str, str]
) -> None:
    probe = [sys.executable, "-c", LOADS.format(verb=verb, words=words, cores=cores)]
    found = subprocess.run(probe, env=environment, capture_output=True, text=True)
    assert (found.stdout.strip(), found.stderr) == (str(held), "")


@pytest.mark.parametrize("content", [None, b"no library"])
def test_a_library_that_cannot_be_loaded_is_left_to_torch(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch/lib").mkdir(parents=True)
    if content is not None:
        (tmp_path / "torch/lib/libtorch_global_deps.so").write_bytes(content)
    (tmp_path / "torch/__init__.py").touch()
    monkeypatch.setattr("importlib.util.find_spec", functools.partial(PathFinder.find_spec, path=[str(tmp_path)]))
    torch_early._load()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    torch_early._load()


def test_what_a_finder_of_others_raises_is_left_to_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(name: str) -> None:
        raise ValueError(f"{name}.__spec__ is None")

    monkeypatch.setattr("importlib.util.find_spec", refuses)
    torch_early._load()
