"""Every option of every method, typed: each takes a value that is not its default, and each value that a yaml names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from e2e_world import EVALUATION, Run, World

CONF = Path(__file__).parents[2] / "conf/method"
DOCS = Path(__file__).parents[2] / "docs/methods"
LOOP = "lr=2e-4 steps=4 batch_size=20 retain_budget=0.5 log_every=2"
LINES = {
    "ascent": ["lr=1e-4 scope=generator shots=2", "scope=all"],
    "ascent_descent": [f"{LOOP} scope=all optimiser=adam", "steps=2 scope=generator optimiser=sgd lr=1e-5"],
    "conflict_surgery": ["lr=1e-4 scope=generator shots=2", "scope=all"],
    "erasediff": [
        f"{LOOP} eta=0.2 inner_steps=2 inner_lr=1e-3 optimiser=sgd",
        "steps=2 optimiser=adam",
    ],
    "esd": [f"{LOOP} eta=2 optimiser=sgd", "steps=2 optimiser=adam"],
    "finetune": ["epochs=2 lr=1e-4 batch_size=50"],
    "fisher_scrub": ["alpha=1e-7 clamp=10 retain_images=60"],
    "fisher_surgery": [
        "budget=0.02 shots=2 damping=[0.5] retain_images=60 forget_images=30 budget_images=40 ekfac=true"
        " solver=kfac target=nearest",
        "solver=gauss_newton target=alike iterations=3 curvature_images=20",
        "solver=least_squares target=translate layers=1 pilot_images=20",
        "bound=leverage",
        "bound=class_level drift_budget=0.02 finish=0.4",
        "bound=none encoder=follows",
        "bound=auto encoder=kept",
        "solver=auto target=local damping=1.0",
        "target=discriminant finish=0.5",
        "target=expected solver=gauss_newton",
        "target=auto",
    ],
    "gradient_surgery": [
        "lr=1e-4 scope=generator retain_basis=batches batches=4 when=conflict shots=2 prediction_images=40",
        "retain_basis=class when=always scope=all",
        "retain_basis=mean",
    ],
    "joint_redirect": [
        "budget=0.1 steps=60 lr=2e-4 batch_size=20 redirect_size=10 target=nearest retain_images=60 forget_images=30"
        " budget_images=40 log_every=2",
        "steps=60 log_every=2 budget=0.5 target=alike pool_images=50 retain_targets=own",
        "steps=60 log_every=2 budget=0.5 retain_targets=images",
        "steps=60 log_every=2 budget=0.5 target=translate",
        "steps=60 log_every=2 budget=0.5 target=local",
        "steps=60 log_every=2 budget=0.5 target=discriminant",
        "steps=60 log_every=2 budget=0.5 target=expected",
        "steps=60 log_every=2 budget=0.5 target=auto",
    ],
    "moon": [
        f"{LOOP} alpha=3 t=0.5 n_generated=1000 labeller_images=60 optimiser=sgd",
        "t=midpoint optimiser=adam steps=2 n_generated=1000 labeller_images=60",
    ],
    "neggrad_plus": [f"{LOOP} alpha=0.5 scope=all optimiser=sgd", "steps=2 scope=generator optimiser=adam"],
    "newton": ["damping=1 retain_images=60 strength=0.5"],
    "retain_surgery": [f"{LOOP} scope=generator optimiser=sgd", "steps=2 scope=all optimiser=adam"],
    "retrain": ["epochs=1", "epochs=null"],
    "salun": [f"{LOOP} keep=0.3 alpha=1e-3 scope=all optimiser=sgd", "steps=2 scope=generator optimiser=adam"],
    "selective_amnesia": [
        f"{LOOP} surrogate=retain gamma=0.5 ewc=10 n_fisher=40 n_replay=400 labeller_images=60 optimiser=sgd",
        "surrogate=noise steps=2 n_fisher=40 n_replay=400 labeller_images=60 optimiser=adam",
    ],
    "sfr_on": [
        f"{LOOP} alpha=5 gamma=0.5 adaptivity=0 max_norm=10 fisher_images=60 optimiser=adam",
        "steps=2 optimiser=sgd fisher_images=60",
    ],
    "siss": [f"{LOOP} mix=0.3 share=0.2 optimiser=sgd", "steps=2 optimiser=adam"],
    "siss_norm": [f"{LOOP} share=0.05 scope=generator optimiser=sgd", "steps=2 scope=all optimiser=adam"],
    "torchjd": [
        f"{LOOP} aggregator=CAGrad options={{c: 0.4}} scope=all optimiser=adam",
        "steps=2 aggregator=UPGrad options={pref_vector: [1, 0.5]} scope=generator optimiser=sgd",
        "steps=2 aggregator=MUNBa lr=1e-2",
        "steps=2 aggregator=PCGrad lr=5e-4",
        "steps=2 aggregator=MGDA",
    ],
    "uce": ["becomes=mean weight=10", "becomes=2", "becomes=nothing"],
    "uno": [f"{LOOP} weight=10 alternate=true scope=generator optimiser=sgd", "steps=2 scope=all optimiser=adam"],
}
TYPED = [
    pytest.param(method, line, marks=[pytest.mark.slow] if i else [], id=f"{method}-{i}")
    for method, lines in LINES.items()
    for i, line in enumerate(lines)
]
REFUSED = {"fisher_surgery": {"bank_images": "50", "noise_from": "0.4"}}  # by this world's VAE
DIFFUSION = ("erasediff", "esd", "uce")  # this world's VAE is not enough
TINY = ("model=ddpm", "model.conditions=3", "model.channels=[8]", "model.embedding=8", "model.train_steps=20",
        "model.sample_steps=2", "training.epochs=1")  # fmt: skip
FORGET = {"method=moon": 2, "method=selective_amnesia": 2}  # what this world's model draws enough of
AGGREGATORS = ["DualProj", "IMTLG", "AlignedMTL", "ConFIG", "FairGrad", "GradDrop", "GradVac", "ExcessMTL", "PCD",
               "Mean", "Sum", "Random", "Constant"]  # fmt: skip


def words(method: str, line: str) -> list[str]:
    """``key=value`` pairs, values with spaces in braces or brackets included."""
    return [f"method={method}", *(f"method.{w}" for w in re.findall(r"\w+=(?:\{.*?\}|\[.*?\]|\S+)", line))]


def read(value: str) -> Any:
    """As a config reads it: 1e-4 is a number there."""
    return OmegaConf.to_container(OmegaConf.from_dotlist([f"x={value}"]))["x"]


@pytest.fixture(scope="module")
def diffusion(type_line: Callable[..., Any], world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a conditional diffusion model of this world, hardly trained."""
    folder = tmp_path_factory.mktemp("diffusion")
    typed = type_line("train", *world.data, *TINY, f"hydra.run.dir={folder}", cwd=folder)
    assert (typed.code, typed.err) == (0, "")
    return folder


def check(gsu: Callable[..., Any], world: World, folder: Path, *typed: str, trained: Path | None = None) -> Run:
    line = ["unlearn", *world.data, f"checkpoint.path={(trained or world.trained.folder) / 'model.safetensors'}",
            f"forget.class={FORGET.get(typed[0], 1)}",
            *EVALUATION, "evaluation.samples=20", "judge=[knn]", "metric=[feature_ratio]",
            *typed, f"hydra.run.dir={folder / 'run'}"]  # fmt: skip
    found = gsu(*line)
    assert found.code == 0, (typed, found.err)
    return Run(folder / "run")


def given(method: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in LINES[method]:
        for word in words(method, line)[1:]:
            key, _, value = word.removeprefix("method.").partition("=")
            found.setdefault(key, set()).add(value)
    if method == "fisher_surgery":
        found["solver"].add("chosen")  # test_a_choice_by_own_samples_needs_some
    return found | {key: {value} for key, value in REFUSED.get(method, {}).items()}


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_lines_leave_out_no_option_and_no_choice(path: Path) -> None:
    options = OmegaConf.to_container(OmegaConf.load(path))
    typed = given(path.stem)
    assert typed.keys() == options.keys() - {"_target_"}
    for key, default in options.items():
        if key != "_target_":
            assert any(read(value) != default for value in typed[key]), f"{key} is never but its default"
    for line in path.read_text(encoding="utf-8").splitlines():
        choices = re.match(r"(\w+): .*# ((?:\w+ \| )+\w+)", line)
        if choices:
            assert set(choices[2].split(" | ")) <= typed[choices[1]], line


@pytest.mark.parametrize(("method", "line"), TYPED)
def test_every_option_is_heard(
    gsu: Callable[..., Any],
    world: World,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    method: str,
    line: str,
) -> None:
    trained = request.getfixturevalue("diffusion") if method in DIFFUSION else None
    record = check(gsu, world, tmp_path, *words(method, line), trained=trained).record
    assert record["status"] == "done"
    assert record["update"]["method"] == method
    for word in words(method, line)[1:]:
        key, _, value = word.removeprefix("method.").partition("=")
        assert record["config"]["method"][key] == read(value), word


@pytest.mark.parametrize(("method", "key", "value"), [(m, k, v) for m, o in REFUSED.items() for k, v in o.items()])
def test_an_option_that_is_not_heard_is_refused(
    gsu: Callable[..., Any], world: World, tmp_path: Path, method: str, key: str, value: str
) -> None:
    checkpoint = f"checkpoint.path={world.trained.folder / 'model.safetensors'}"
    line = ["unlearn", *world.data, checkpoint, "forget.class=1", *EVALUATION, *words(method, f"{key}={value}")]
    found = gsu(*line, f"hydra.run.dir={tmp_path / 'run'}")
    assert found.code == 2
    assert f"`method.{key}` must be left out with" in found.err
    assert f"found {value}" in found.err


def test_a_choice_by_own_samples_needs_some(gsu: Callable[..., Any], world: World, tmp_path: Path) -> None:
    """The method's own discriminant sees no bar of this kind in what this world's model generates."""
    checkpoint = f"checkpoint.path={world.trained.folder / 'model.safetensors'}"
    line = ["unlearn", *world.data, checkpoint, "forget.class=1", *EVALUATION, "method.solver=chosen"]
    found = gsu(*line, f"hydra.run.dir={tmp_path / 'run'}")
    assert found.code == 2
    assert "with `method.solver=chosen` the model must generate what is to be forgotten; found none of 2" in found.err
    assert not (tmp_path / "run/unlearned.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_every_aggregator_is_heard(gsu: Callable[..., Any], world: World, tmp_path: Path, aggregator: str) -> None:
    assert f"`{aggregator}`" in (DOCS / "torchjd.md").read_text(encoding="utf-8")
    record = check(gsu, world, tmp_path, "method=torchjd", "method.steps=2", f"method.aggregator={aggregator}").record
    assert record["update"]["details"]["aggregator"] == aggregator


def documented() -> list[tuple[str, str]]:
    """Words that set an option of a method, as the pages of the docs type them."""
    found = []
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        lines = re.findall(r"`((?:method\.\w+=(?:\{[^}]*\}|\[[^]]*\]|\S+?) ?)+)`", text)
        found += [(path.stem, line.strip()) for line in lines]
    return sorted(set(found))


@pytest.mark.slow
@pytest.mark.parametrize(("method", "line"), documented(), ids=str)
def test_what_the_pages_type_is_heard(
    gsu: Callable[..., Any], world: World, request: pytest.FixtureRequest, tmp_path: Path, method: str, line: str
) -> None:
    trained = request.getfixturevalue("diffusion") if method in DIFFUSION else None
    typed = re.findall(r"method\.\w+=(?:\{.*?\}|\[.*?\]|\S+)", line)
    if any("options={c" in word for word in typed):
        typed.append("method.aggregator=CAGrad")
    small = [w for w in ("method.steps=2",) if "steps" in given(method) and not any("steps" in t for t in typed)]
    small += ["method.n_generated=1000", "method.labeller_images=60"] * (method == "moon")
    record = check(gsu, world, tmp_path, f"method={method}", *small, *typed, trained=trained).record
    assert record["status"] == "done"
