"""Forgetting an attribute from the command line: train, judge, unlearn, evaluate, and what can be typed wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import Run, one_sentence, runs, strays

Gsu = Callable[..., Any]
DATA = ("dataset=avatars", "dataset._target_=attribute_world.Signs", "dataset.name=signs")
VAE = ("model=conv_vae", "model.channels=[8,16]", "model.latent_dim=6", "model.sigma=0.2", "training.epochs=12",
       "training.batch_size=50", "training.lr=1e-2")  # fmt: skip
JUDGE = ("model=attribute_cnn", "training=judge", "model.width=4", "model.feature_dim=8", "training.batch_size=50",
         "training.lr=1e-2")  # fmt: skip
EVALUATION = ("evaluation.samples=200", "judge.knn.references=300", "judge.knn.attribute_k=21")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, type_line: Callable[..., Any]) -> dict[str, Run]:
    root = tmp_path_factory.mktemp("attributes")
    found = {}
    for name, words in (
        ("vae", (*VAE, "dataset.n=800")),
        ("retrained", (*VAE, "dataset.n=800", "forget.attribute=bar")),
        ("judge", (*JUDGE, "dataset.n=800")),
        ("classes", ("model=judge_cnn", "model.width=2", "model.feature_dim=2", "dataset.n=40", "training.epochs=1")),
    ):
        typed = type_line("train", *DATA, *words, f"hydra.run.dir={root / name}", cwd=root)
        assert (typed.code, typed.err) == (0, ""), typed
        found[name] = Run(root / name)
        option = "judge.cnn.path=" if name in ("judge", "classes") else "checkpoint.path="
        assert f"use it with {option}" in typed.out
    return found


@pytest.fixture
def line(trained: dict[str, Run]) -> Callable[..., list[str]]:
    def words(*more: str, verb: str = "unlearn") -> list[str]:
        weights = {name: run.folder / "model.safetensors" for name, run in trained.items()}
        paths = [f"checkpoint.path={weights['vae']}", f"judge.cnn.path={weights['judge']}"]
        return [verb, *DATA, "dataset.n=800", *paths, *EVALUATION, *more]

    return words


def by(record: dict[str, Any], name: str, subject: str, judge: str | None = None) -> dict[str, Any]:
    (found,) = [
        m
        for m in record["measurements"]
        if (m["name"], m["subject"]) == (name, subject) and judge in (None, m["judge"])
    ]
    return dict(found)


def test_what_was_trained_is_recorded(trained: dict[str, Run]) -> None:
    record = trained["vae"].record
    assert record["inputs"]["dataset"]["attributes"] == ["bar", "square"]
    assert record["training"]["losses"][-1] < 0.5 * record["training"]["losses"][0]
    losses = trained["judge"].record["training"]["losses"]
    assert losses[-1] < 0.5 * losses[0]
    assert trained["retrained"].record["split"]["slug"] == "attribute_bar"


def test_an_attribute_is_forgotten_and_the_record_says_what_of(
    line: Callable[..., list[str]], gsu: Gsu, trained: dict[str, Run], tmp_path: Path
) -> None:
    retrained = trained["retrained"].folder / "model.safetensors"
    typed = gsu(*line("forget.attribute=bar", f"checkpoint.retrained={retrained}"))
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    summary = (run.folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("# Forgot attribute bar: feature ratio -")
    for title in (
        "feature ratio (CNN)",
        "ratio in reconstructions (kNN)",
        "square (CNN)",
        "retained shift (grey",
    ):
        assert f"| {title}" in summary, title
    assert strays(tmp_path) == []
    record = run.record
    assert record["split"]["target_attribute"] == "bar"
    assert record["split"]["target_classes"] is None
    assert record["outputs"]["samples"] == {"path": "samples.png", "judge": "cnn"}
    for judge in ("cnn", "knn"):
        for name in ("feature_ratio", "feature_ratio_reconstructions"):
            before, after = (by(record, name, subject, judge) for subject in ("original", "unlearned"))
            assert after["value"] < 0.5 * before["value"], (name, judge)
        floor = by(record, "feature_ratio", "data", judge)["value"]
        assert floor < 0.05, "real images without a bar"
        real = by(record, "attribute_square", "data", judge)["value"]
        assert abs(real - 0.5) < 0.2
    assert by(record, "retained_shift", "unlearned")["unit"] == "grey levels"
    trust = {j["name"]: j["trust"] for j in record["judges"]}
    for judge in ("cnn", "knn"):
        assert trust[judge]["real"]["value"] > 0.9
        assert trust[judge]["recall"]["value"] > 0.8
        assert trust[judge]["false_alarms"]["value"] < 0.2
        assert trust[judge]["recall"]["n"] == record["split"]["n_heldout_forget"]
    picture_labels(run)
    again = gsu("evaluate", f"run={run.folder}")
    assert (again.code, again.err) == (0, ""), again.err
    measured = next(r for r in runs(tmp_path) if r.record["verb"] == "evaluate").record["measurements"]
    assert measured == record["measurements"], "to the last digit"


def picture_labels(run: Run) -> None:
    """Red frames mark what the judge sees as the attribute."""
    import numpy as np
    from PIL import Image

    from gsu_cli.report.pictures import HIT

    sheet = np.asarray(Image.open(run.folder / "samples.png").convert("RGB"))
    assert (sheet == np.array(HIT)).all(2).sum() > 100


def test_a_checkpoint_of_an_attribute_asks_for_it_again(
    line: Callable[..., list[str]], gsu: Gsu, tmp_path: Path
) -> None:
    assert gsu(*line("forget.attribute=square", "method=ascent", "metric=[feature_ratio]")).code == 0
    (run,) = runs(tmp_path)
    words = [w for w in line("metric=[feature_ratio]", verb="evaluate") if not w.startswith("checkpoint.path")]
    typed = gsu(*words, f"checkpoint.path={run.folder / 'unlearned.safetensors'}")
    assert (typed.code, typed.err) == (0, ""), typed.err
    again = next(r for r in runs(tmp_path) if r.record["verb"] == "evaluate").record
    assert again["split"]["target_attribute"] == "square"
    for judge in ("cnn", "knn"):
        value = by(run.record, "feature_ratio", "unlearned", judge)["value"]
        assert by(again, "feature_ratio", "unlearned", judge)["value"] == value


def test_an_evaluation_without_forgetting_counts_answers_not_images(
    line: Callable[..., list[str]], gsu: Gsu, tmp_path: Path
) -> None:
    typed = gsu(*line("metric=[other_attributes,abstention]", verb="evaluate"))
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    assert {m["name"] for m in run.record["measurements"]} == {"attribute_bar", "attribute_square", "abstention"}
    (trust,) = [j["trust"] for j in run.record["judges"] if j["name"] == "knn"]
    assert trust["real"]["n"] == 2 * 200
    assert "of 400 answers about held-out images" in (run.folder / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["forget.attribute=ba"], 2, "must be one of bar, square for signs; found 'ba'. Did you mean 'bar'?"),
        (["forget.attribute=glasses"], 2, "`forget.attribute` must be one of bar, square for signs; found 'glasses'."),
        (["forget.attribute="], 2, "`forget.attribute` must be the name of one attribute"),
        (["forget.attribute=[bar,square]"], 2, "`forget.attribute` must be the name of one attribute"),
        (["forget.class=0"], 2, "`forget.class` needs a data set with several classes, and signs has one"),
        (["forget.class=bar"], 2, "Type forget.attribute=bar to forget one of its 2 attributes."),
        (["forget.attribute=bar", "forget.class=0"], 2, "exactly one of"),
        (["forget.attribute=bar", "metric.other_attributes.names=[squar]"], 2, "found squar. Did you mean 'square'?"),
        (["forget.attribute=bar", "metric.other_attributes.names=3"], 2, "must be a list of names; found 3"),
        (["forget.attribute=bar", "method.target=nearst"], 2, "found nearst. Did you mean 'nearest'?"),
        (["forget.attribute=bar", "judge.knn.attribute_k=0"], 2, "`judge.knn` needs integers"),
    ],
    ids=str,
)
def test_refusals(
    line: Callable[..., list[str]], gsu: Gsu, tmp_path: Path, words: list[str], code: int, part: str
) -> None:
    one_sentence(gsu(*line(*words)), code, part)
    assert not list(tmp_path.rglob("unlearned.safetensors"))


def test_a_judge_of_classes_is_refused_for_attributes_and_the_reverse(
    line: Callable[..., list[str]], gsu: Gsu, trained: dict[str, Run]
) -> None:
    classes = trained["classes"].folder / "model.safetensors"
    words = [w for w in line("forget.attribute=bar") if not w.startswith("judge.cnn.path")]
    one_sentence(
        gsu(*words, f"judge.cnn.path={classes}"), 1, "`judge.cnn.path` must hold a judge of attributes; found Judge"
    )
    words = [w for w in line("forget.attribute=bar") if not w.startswith("checkpoint.path")]
    judge = trained["judge"].folder / "model.safetensors"
    one_sentence(gsu(*words, f"checkpoint.path={judge}"), 1, "must hold a generator; found AttributeCnn")
    words = ["evaluate", *DATA, "dataset._target_=attribute_world.PlainSigns", "dataset.n=40", *EVALUATION]
    vae = trained["vae"].folder / "model.safetensors"
    typed = gsu(*words, f"checkpoint.path={vae}", f"judge.cnn.path={judge}")
    one_sentence(typed, 1, "`judge.cnn.path` must hold a judge of classes; found AttributeCnn")


@pytest.mark.parametrize(("target", "n"), [("AllSigns", 40), ("NoneSigns", 0)])
def test_an_attribute_of_all_or_none_is_refused(gsu: Gsu, target: str, n: int) -> None:
    words = ("train", *DATA, f"dataset._target_=attribute_world.{target}", "dataset.n=40", *VAE)
    part = f"not all of the 40 training images of signs; found attribute bar, which is {n} images"
    one_sentence(gsu(*words, "forget.attribute=bar"), 2, part)


def test_attributes_to_look_at_where_there_are_none(line: Callable[..., list[str]], gsu: Gsu) -> None:
    words = line("dataset._target_=attribute_world.PlainSigns", "forget.class=odd")
    part = "`metric.other_attributes.names` needs a data set with attributes, and signs has none; found hat"
    one_sentence(gsu(*words, "metric.other_attributes.names=[hat]"), 2, part)


MNIST = ("dataset=mnist", "dataset.download=false")
PLAIN = (*DATA, "dataset._target_=attribute_world.PlainSigns", "dataset.n=40")


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["unlearn", *MNIST, "forget.attribute=glasses"], 2, "needs a data set with attributes, and mnist has none"),
        (["train", *PLAIN, "model=attribute_cnn"], 2, "must name at least one attribute, each once; found []"),
        (["train", *MNIST, "model=conv_vae"], 2, "need height and width divisible by 16; found 28 x 28"),
        (["train", *DATA, "dataset.n=40", *VAE, "model.channels=[2,2,2,2,2]"], 2, "divisible by 32; found 16 x 16"),
        (["train", *DATA, "dataset.n=40", *VAE, "model.sigma=0"], 2, "`model.sigma` must be a number in (0, 10]"),
        (["train", *DATA, "dataset.n=40", *VAE, "model.sigma=11"], 2, "`model.sigma` must be a number in (0, 10]"),
        (["train", "dataset=avatars", "dataset.n=15"], 2, "`dataset.n` must be an integer >= 16; found 15"),
        (["train", "dataset=avatars", "dataset.seed=-1"], 2, "`dataset.seed` must be an integer >= 0; found -1"),
        (["unlearn", "dataset=avatras"], 2, "avatars"),
    ],
    ids=str,
)
def test_what_the_data_set_does_not_have(gsu: Gsu, tmp_path: Path, words: list[str], code: int, part: str) -> None:
    one_sentence(gsu(*words), code, part)
    assert strays(tmp_path) == []


def test_a_missing_package_is_one_sentence(gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    from gsu_cli.data import avatars

    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(avatars, "version", version)
    one_sentence(
        gsu("train", "dataset=avatars", f"dataset.cache_dir={tmp_path}"), 1, "found no dicebear-core. Type pip install "
    )


def test_the_cache_that_cannot_be_written(gsu: Gsu) -> None:
    typed = gsu("train", "dataset=avatars", "dataset.n=16", "dataset.cache_dir=/dev/null")
    one_sentence(typed, 1, "another folder with dataset.cache_dir=FOLDER")
