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
import unittest.mock
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import e2e_world
import pretend_device
import tiny_conditional
import tiny_diffusion
import tiny_gan
import tiny_world
from fast_lines import lines_cost_once
from gsu_cli.cli import main
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.curvature.gauss_newton import site_gauss_newton
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.gradients import parameters
from gsu_cli.models.decoders import prefix_of, site_maker
from gsu_cli.models.protocols import HasImageSites, HasLoss, lacking
from gsu_cli.models.sites import Sites
from gsu_cli.run.configs import conf_dir
from gsu_cli.surgery.devices import device_of
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

DEVICE = f"{pretend_device.NAME}:0"
DIFFUSION = ("erasediff", "esd", "uce")  # a VAE is not enough for these
SMALL = {
    "steps": 3, "log_every": 2, "batch_size": 32, "n_generated": 200, "labeller_images": 100, "n_fisher": 100,
    "n_replay": 100, "epochs": 2, "retain_images": 150, "forget_images": 100, "budget_images": 150,
}  # fmt: skip
FEWER = {
    **SMALL, "n_fisher": 60, "n_replay": 60, "fisher_images": 60, "retain_images": 60, "forget_images": 60,
    "budget_images": 60, "bank_images": 200, "steps": 2, "epochs": 1,
}  # fmt: skip
RATES = {"nats": 1e-3, "noise": 0.05}  # of plain steps: Adam makes whole ones of gradients that are rounding alone
FAMILIES: dict[str, Callable[[], Any]] = {
    "conditional VAE": tiny_conditional.trained,
    "diffusion": tiny_diffusion.trained,
    "GAN": tiny_gan.taught,
}
FRESH: dict[str, Callable[[], Any]] = {
    "conditional VAE": tiny_conditional.fresh,
    "diffusion": tiny_diffusion.fresh,
    "GAN": tiny_gan.fresh,
}
BARE = {"conditional VAE": ("bank_images",)}  # options that a family does not read
METHODS = sorted(path.stem for path in (conf_dir() / "method").glob("*.yaml"))


def options_of(name: str, family: str = "") -> Any:
    options = OmegaConf.load(conf_dir() / "method" / f"{name}.yaml")
    small = {k: v for k, v in FEWER.items() if k not in BARE.get(family, ())} if family else SMALL
    if options.get("optimiser") == "adam":
        noise = family == "diffusion" or name in DIFFUSION
        small = {**small, "optimiser": "sgd", "lr": RATES["noise" if noise else "nats"]}
    return OmegaConf.merge(options, {k: v for k, v in small.items() if k in options})


def applies(case: str) -> bool:
    """Whether a case can run: not all methods work on all families."""
    family, named, name = case.partition(": method ")
    if not named:
        return True
    made = instantiate(options_of(name, family), _convert_="all")
    return not lacking(FRESH[family](), getattr(made, "needs", ()))


def method(name: str, family: str = "") -> float:
    """Unlearns on both devices."""
    options = options_of(name, family)
    plain = tiny_diffusion.conditional if name in DIFFUSION else tiny_world.trained
    trained = FAMILIES[family] if family else plain

    def run(model: Any) -> dict[str, torch.Tensor]:
        made, generator = instantiate(options, _convert_="all"), torch.Generator().manual_seed(0)
        found, _ = unlearn(model, tiny_world.split(), made, generator=generator, recipe=Recipe(2, 64, 1e-2))
        return {k: felt(k, v.cpu()) for k, v in found.state_dict().items()}

    start = {k: felt(k, v) for k, v in tiny_world.weights(trained()).items()}
    one, other = run(trained()), run(trained().to(DEVICE))
    moved = max(float((one[k] - start[k]).abs().max()) for k in start)
    return max(float((one[k] - other[k]).abs().max()) for k in start) / moved


def of_many_images() -> float:
    """The default as where many images are retained, with an ascent that is tried."""
    with (
        unittest.mock.patch("gsu_cli.solvers.auto_options.ENOUGH", 100),
        unittest.mock.patch("gsu_cli.solvers.second_look.SEEN", -1.0),
    ):
        return method("fisher_surgery")


def where_retained_images_are() -> float:
    """The default as where retained images are at the forgotten latents."""
    with unittest.mock.patch("gsu_cli.solvers.where_retained.HALF", 0.0):
        return method("fisher_surgery")


def wall() -> list[Any]:
    """Which error each of what a real accelerator refuses ends with, and a sum that it allows."""
    x = torch.ones(2).to(DEVICE)

    def refused(act: Callable[[], Any]) -> str | None:
        try:
            act()
        except (RuntimeError, TypeError) as e:
            return type(e).__name__
        return None

    found: list[Any] = [
        refused(lambda: x + torch.ones(2)),
        refused(x.numpy),
        refused(lambda: torch.ones(2)[x > 0]),
        refused(lambda: torch.bernoulli(x, generator=torch.Generator())),
    ]
    with pretend_device.without_float64():
        found.append(refused(x.double))
    return [*found, (x + 1).cpu().tolist()]


def felt(name: str, weight: torch.Tensor) -> torch.Tensor:
    """A weight without what no output feels: one bias of all keys leaves attention as it is."""
    return torch.cat(weight.chunk(3)[::2]) if name.endswith("attention.qkv.bias") else weight


def on_both(model: Callable[[], Any], act: Callable[[Any], Mapping[str, torch.Tensor]]) -> float:
    """What ``act`` finds of a model on both devices; the largest difference, as a share of the largest entry."""
    one, other = act(model()), {k: v.cpu() for k, v in act(model().to(DEVICE)).items()}
    assert one.keys() == other.keys()
    assert one
    return max(float((one[k] - other[k]).abs().max()) / (float(one[k].abs().max()) or 1.0) for k in one)


def generated(model: Any) -> Mapping[str, torch.Tensor]:
    """Samples, and losses of images where there are some."""
    x, y = next(tiny_world.dataset().train.to(device_of(model)).batches(30))
    found = {"samples": generate_samples(model, 30, seed=0).float()}
    if isinstance(model, HasLoss):
        found["loss"] = model.loss(x, y, torch.Generator().manual_seed(0)).detach()
    return found


def curvature(model: Any) -> Mapping[str, torch.Tensor]:
    """Kronecker factors, the diagonal Fisher and a Gauss-Newton product; of a GAN at sites of its own samples."""
    images = tiny_world.dataset().train.to(device_of(model))[torch.arange(40)]
    maker, g = site_maker(model), torch.Generator().manual_seed(0)
    x, y = next(images.batches(40))
    sites = maker.sites(x, y, g) if isinstance(maker, HasImageSites) else Sites((model.noise(40, g),), x)
    names = [n for n, _ in model.named_parameters() if n.startswith(prefix_of(model, maker.network))]
    theta = parameters(model, names)
    fisher = kronecker_fisher(model, sites, seed=0)
    product = site_gauss_newton(model, theta, sites)({k: torch.ones_like(v) for k, v in theta.items()})
    found = {f"A {layer.scope.module}": layer.A for layer in fisher.layers}
    found |= {f"G {layer.scope.module}": layer.G for layer in fisher.layers}
    return {**found, **{f"Gv {k}": v for k, v in product.items()}, **diagonal_fisher(model, sites, seed=0)}


def training(family: str) -> float:
    """Two epochs on both devices, from the same weights: how far apart they end, as a share of how far they went."""
    recipe = Recipe(2, 100, 1e-3, ema=0.9)

    def run(model: Any) -> dict[str, torch.Tensor]:
        fit(model, tiny_world.dataset().train, recipe, seed=0)
        return {k: v.cpu() for k, v in model.state_dict().items()}

    start = tiny_world.weights(FRESH[family]())
    one, other = run(FRESH[family]()), run(FRESH[family]().to(DEVICE))
    moved = max(float((one[k] - start[k]).abs().max()) for k in start)
    return max(float((one[k] - other[k]).abs().max()) for k in start) / moved


VAE = ("model.hidden=[32]", "model.latent_dim=2", "training.epochs=4")
DDPM = ("model=ddpm", "model.channels=[8,16]", "model.embedding=16", "model.train_steps=50", "model.sample_steps=5",
        "training.epochs=2", "training.batch_size=30", "training.ema=0.9")  # fmt: skip
GAN = ("model=dcgan", "model.latent_dim=4", "model.channels=[8,8]", "model.critic=[8,8,8]", "training.epochs=2",
       "training.batch_size=30", "training.ema=0.9")  # fmt: skip


def verbs(folder: Path, model: Sequence[str] = VAE) -> dict[str, Any]:
    """Training, unlearning and evaluation by lines, with the same words for both devices; the figures of both."""
    e2e_world.write_world(folder / "data")
    data = ["dataset=idx", "dataset.name=strokes", f"dataset.path={folder / 'data'}", "evaluation.samples=60"]
    found: dict[str, dict[str, Any]] = {}
    for device in ("cpu", pretend_device.NAME):
        out = folder / device
        _line("train", *data[:3], *model, device, out / "model")
        _line("train", *data[:3], "model=judge_cnn", "training=judge", "model.width=4", device, out / "judge")
        weights = f"checkpoint.path={out / 'model/model.safetensors'}"
        judges = [f"judge.cnn.path={out / 'judge/model.safetensors'}", "judge.knn.references=90"]
        # of two latents targets are expected ones, and conjugate gradients make ten of one rounding: those weights
        # are compared by `where_retained_images_are`, figures here to a millionth
        how = ["method.solver=kfac"] if model is VAE else ["method=finetune", "method.batch_size=60"]
        _line("unlearn", *data, weights, "forget.class=1", "retrain=true", *judges, *how, device, out / "run")
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
    yield "the wall", wall, True
    for name in METHODS:
        yield f"method {name}", lambda name=name: method(name), True
    yield "method fisher_surgery of many images", of_many_images, True
    yield "method fisher_surgery where retained images are", where_retained_images_are, False
    for name in ("fisher_surgery", "newton", "salun", "uno", "gradient_surgery"):
        yield f"method {name} without float64", lambda name=name: method(name), False
    for family, made in FRESH.items():
        yield f"{family}: sampling and losses", lambda made=made: on_both(made, generated), True
        yield f"{family}: curvature", lambda made=made: on_both(made, curvature), True
        yield f"{family}: training", lambda family=family: training(family), True
        for name in METHODS:
            yield f"{family}: method {name}", lambda name=name, family=family: method(name, family), True
    yield "verbs", lambda: verbs(folder), True
    yield "verbs of a diffusion model", lambda: verbs(folder / "ddpm", DDPM), True
    yield "verbs of a GAN", lambda: verbs(folder / "gan", GAN), True


def run(folder: Path, wanted: list[str]) -> None:
    warnings.simplefilter("ignore")
    for name, case, float64 in cases(folder):
        if name not in wanted if wanted else not applies(name):
            continue
        found, error = None, None
        with contextlib.nullcontext() if float64 else pretend_device.without_float64():
            try:
                found = case()
            except Exception as e:  # noqa: BLE001 - the test shows it
                own = [x for x in traceback.extract_tb(e.__traceback__) if "gsu_cli" in x.filename][-1:]
                error = f"{type(e).__name__}: {str(e)[-900:]} at {own}"
        print(json.dumps({"case": name, "found": found, "error": error}), flush=True)


if __name__ == "__main__":
    pretend_device.register()
    os.chdir(sys.argv[1])
    with lines_cost_once():
        run(Path(sys.argv[1]), sys.argv[2:])
