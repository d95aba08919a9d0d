"""Run in a process of its own: everything that computes, on the CPU and on the device of `pretend_device`.

Arguments: an empty folder, and the names of the cases to run; all where there are none. Prints one JSON line per case:
its name, the largest difference of the weights as a share of how far they moved (for the verbs the figures of both),
and what went wrong. Such a device changes what ``device=auto`` means for the whole process, which is why the suite
starts one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import e2e_world
import pretend_device
import tiny_diffusion
import tiny_world
from gsu_cli.cli import main
from gsu_cli.run.configs import conf_dir
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

DEVICE = f"{pretend_device.NAME}:0"
DIFFUSION = ("erasediff", "esd", "uce")  # a VAE is not enough for these
SMALL = {
    "steps": 3, "log_every": 2, "batch_size": 32, "n_generated": 200, "labeller_images": 100, "n_fisher": 100,
    "n_replay": 100, "epochs": 2,
}  # fmt: skip


def method(name: str) -> float:
    """Unlearns on both devices."""
    options = OmegaConf.load(conf_dir() / "method" / f"{name}.yaml")
    options = OmegaConf.merge(options, {k: v for k, v in SMALL.items() if k in options})

    def run(model: Any) -> dict[str, torch.Tensor]:
        made, generator = instantiate(options, _convert_="all"), torch.Generator().manual_seed(0)
        found, _ = unlearn(model, tiny_world.split(), made, generator=generator, recipe=Recipe(2, 64, 1e-2))
        return {k: v.cpu() for k, v in found.state_dict().items()}

    trained = tiny_diffusion.conditional if name in DIFFUSION else tiny_world.trained
    start = tiny_world.weights(trained())
    one, other = run(trained()), run(trained().to(DEVICE))
    moved = max(float((one[k] - start[k]).abs().max()) for k in start)
    return max(float((one[k] - other[k]).abs().max()) for k in start) / moved


def verbs(folder: Path) -> dict[str, Any]:
    """Training, unlearning and evaluation by lines, with the same words for both devices; the figures that differ."""
    e2e_world.write_world(folder / "data")
    data = ["dataset=idx", "dataset.name=strokes", f"dataset.path={folder / 'data'}", "evaluation.samples=60"]
    found: dict[str, dict[str, Any]] = {}
    for device in ("cpu", pretend_device.NAME):
        out = folder / device
        _line("train", *data[:3], "model.hidden=[32]", "model.latent_dim=2", "training.epochs=4", device, out / "vae")
        _line("train", *data[:3], "model=judge_cnn", "training=judge", "model.width=4", device, out / "judge")
        weights = f"checkpoint.path={out / 'vae/model.safetensors'}"
        judges = [f"judge.cnn.path={out / 'judge/model.safetensors'}", "judge.knn.references=90"]
        _line("unlearn", *data, weights, "forget.class=1", *judges, "retrain=true", device, out / "run")
        _line("evaluate", f"run={out / 'run'}", device, out / "again")
        record = json.loads((out / "again/record.json").read_text())
        first = json.loads((out / "run/record.json").read_text())
        assert [m["value"] for m in record["measurements"]] == [m["value"] for m in first["measurements"]]
        found[device] = {f"{m['name']}/{m['subject']}/{m['judge']}": m["value"] for m in record["measurements"]}
        found[device] |= {"device": record["device"]["type"]}
    assert found["cpu"].keys() == found[pretend_device.NAME].keys()
    return {k: [v, found[pretend_device.NAME][k]] for k, v in found["cpu"].items()}


def _line(*words: Any) -> None:
    *typed, device, folder = words
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main([*map(str, typed), f"device={device}", f"hydra.run.dir={folder}"])
    assert code == 0, out.getvalue()


def cases(folder: Path) -> Iterator[tuple[str, Callable[[], Any], bool]]:
    """Name, what to run, whether the device has float64."""
    for path in sorted((conf_dir() / "method").glob("*.yaml")):
        yield f"method {path.stem}", lambda name=path.stem: method(name), True
    for name in ("fisher_surgery", "newton", "salun", "uno", "gradient_surgery"):
        yield f"method {name} without float64", lambda name=name: method(name), False
    yield "verbs", lambda: verbs(folder), True


def run(folder: Path, wanted: list[str]) -> None:
    warnings.simplefilter("ignore")
    for name, case, float64 in cases(folder):
        if wanted and name not in wanted:
            continue
        found, error = None, None
        with contextlib.nullcontext() if float64 else pretend_device.without_float64():
            try:
                found = case()
            except Exception as e:  # noqa: BLE001 - the test shows it
                own = [x for x in traceback.extract_tb(e.__traceback__) if "gsu_cli" in x.filename][-1:]
                error = f"{type(e).__name__}: {str(e)[:300]} at {own}"
        print(json.dumps({"case": name, "found": found, "error": error}), flush=True)


if __name__ == "__main__":
    pretend_device.register()
    os.chdir(sys.argv[1])
    run(Path(sys.argv[1]), sys.argv[2:])
