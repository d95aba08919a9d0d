"""What is compared is what was meant: references, earlier runs, states, files of another making are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import Run, World, other_images, runs, strokes, write_idx, write_world
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint

Gsu = Callable[..., Any]
QUICK = ("metric=[abstention]", "method=ascent", "evaluation.samples=20")
HALF = "forget.fraction=0.5"


@pytest.fixture(scope="module")
def half(world: World, type_line: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retrained model that never saw the half that seed 1 draws."""
    root = tmp_path_factory.mktemp("half")
    typed = type_line(*world.train(HALF, "seed=1", f"hydra.run.dir={root / 'retrained'}"), cwd=root)
    assert typed.code == 0, typed.err
    return root / "retrained" / "model.safetensors"


@pytest.fixture
def run_of_half(world: World, half: Path, gsu: Gsu, tmp_path: Path) -> Run:
    typed = gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={half}", "seed=1", forget=HALF), "hydra.run.dir=half")
    assert typed.code == 0, typed.err
    return Run(tmp_path / "half")


def evaluated(tmp_path: Path) -> dict[str, Any]:
    return next(r for r in runs(tmp_path) if r.record["verb"] == "evaluate").record


def about(path: Path) -> dict[str, Any]:
    return load_checkpoint(path).about


def altered(path: Path, target: Path, **facts: Any) -> Path:
    """The weights of ``path`` with other facts about them; None takes a fact away."""
    found = load_checkpoint(path)
    kept = {key: value for key, value in {**found.about, **facts}.items() if value is not None}
    save_checkpoint(target, found.model, about=kept)
    return target


# --- what is carried


@pytest.mark.slow
def test_files_and_records_carry_which_images_were_forgotten(run_of_half: Run, half: Path) -> None:
    split, retrained, made = (
        run_of_half.record["split"],
        about(half),
        about(run_of_half.folder / "unlearned.safetensors"),
    )
    assert len(split["sha256"]) == 64
    assert split["seed"] == 1
    for facts in (retrained, made):
        assert facts["forget_sha256"] == split["sha256"]
        assert facts["forget_seed"] == 1
        assert facts["forget_dataset_sha256"] == run_of_half.record["inputs"]["dataset"]["sha256"]
    assert made["dataset_sha256"] == retrained["dataset_sha256"]
    assert made["classes"] == [0, 1, 2], "what it was trained on goes on with what is made of it"


# --- the retrained reference


def test_a_retrained_model_of_another_seed_is_refused(world: World, half: Path, gsu: Gsu) -> None:
    typed = gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={half}", "seed=2", forget=HALF))
    assert typed.code == 1
    assert "seed that chose the forgotten images 1 instead of 2" in typed.err
    assert "sha256 of the forgotten indices" in typed.err
    assert "seeds.unlearn=2" in typed.err


@pytest.mark.slow
def test_the_seed_of_the_draw_alone_decides(world: World, half: Path, gsu: Gsu) -> None:
    line = world.unlearn(*QUICK, f"checkpoint.retrained={half}", "seed=2", "seeds.unlearn=1", forget=HALF)
    assert gsu(*line).code == 0


@pytest.mark.slow
def test_a_retrained_model_of_other_data_is_refused(world: World, gsu: Gsu, tmp_path: Path) -> None:
    data = other_images(tmp_path / "other")
    line = [*world.train("forget.class=1", "training.epochs=6"), f"dataset.path={data}", "hydra.run.dir=retrained"]
    assert gsu(*line).code == 0
    typed = gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={tmp_path / 'retrained'}"))
    ours, theirs = about(world.vae)["dataset_sha256"], about(tmp_path / "retrained/model.safetensors")["dataset_sha256"]
    assert typed.code == 1
    assert f"sha256 of the data set {theirs[:12]} instead of {ours[:12]}" in typed.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.hidden=[16]"], "architecture (hidden) [16] instead of [32]"),
        (["training.epochs=1"], "recipe (epochs) 1 instead of 6"),
        (["training.lr=0.01"], "recipe (lr) 0.01 instead of 0.003"),
    ],
)
def test_a_retrained_model_of_another_making_is_refused(
    world: World, gsu: Gsu, tmp_path: Path, words: list[str], said: str
) -> None:
    assert gsu(*world.train("forget.class=1", *words), "hydra.run.dir=retrained").code == 0
    typed = gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={tmp_path / 'retrained'}"))
    assert typed.code == 1
    assert said in typed.err


@pytest.mark.slow
def test_a_retrained_model_whose_training_was_cut_short_is_refused(world: World, gsu: Gsu, tmp_path: Path) -> None:
    retrained = altered(
        world.retrained.folder / "model.safetensors", tmp_path / "t.safetensors", interrupted_after_epoch=2
    )
    typed = gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={retrained}"))
    assert typed.code == 1
    assert "recipe (epochs) 2 instead of 6" in typed.err


@pytest.mark.slow
def test_a_retrained_model_made_by_unlearning_is_refused(world: World, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu(*world.unlearn(*QUICK), "hydra.run.dir=a").code == 0
    typed = gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={tmp_path / 'a' / 'unlearned.safetensors'}"))
    assert typed.code == 1
    assert "must have been trained from scratch" in typed.err


@pytest.mark.slow
def test_the_checkpoint_is_no_retrained_model_of_itself(world: World, gsu: Gsu) -> None:
    path = world.retrained.folder / "model.safetensors"
    line = [*world.unlearn(*QUICK, f"checkpoint.retrained={path}"), f"checkpoint.path={path}"]
    typed = gsu(*line)
    assert typed.code == 1
    assert "the checkpoint itself" in typed.err


@pytest.mark.slow
def test_an_old_retrained_model_is_compared_in_what_it_carries(world: World, gsu: Gsu, tmp_path: Path) -> None:
    blank = {"forget_sha256": None, "forget_seed": None, "forget_dataset_sha256": None}
    retrained = altered(world.retrained.folder / "model.safetensors", tmp_path / "old.safetensors", **blank)
    assert gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={retrained}"), "hydra.run.dir=a").code == 0
    assert Run(tmp_path / "a").record["notes"] == [], "a class of the same data is one set of images"
    blank |= {"dataset_sha256": None, "recipe": None}
    retrained = altered(world.retrained.folder / "model.safetensors", tmp_path / "older.safetensors", **blank)
    assert gsu(*world.unlearn(*QUICK, f"checkpoint.retrained={retrained}"), "hydra.run.dir=b").code == 0
    (note,) = Run(tmp_path / "b").record["notes"]
    assert "does not say its sha256 of the data set, recipe" in note


def test_no_recipe_is_invented(world: World, gsu: Gsu, tmp_path: Path) -> None:
    path = altered(world.vae, tmp_path / "foreign.safetensors", recipe=None, dataset_sha256=None)
    typed = gsu(*world.unlearn(*QUICK, "retrain=true"), f"checkpoint.path={path}")
    assert typed.code == 2
    assert "`retrain=true` needs the recipe" in typed.err
    path = altered(path, tmp_path / "imported.safetensors", imported={"path": "vae.pt"})
    typed = gsu(*world.unlearn(*QUICK, "retrain=true"), f"checkpoint.path={path}")
    assert "found none in vae.pt." in typed.err, "the file that was typed, not the run's copy of it"


@pytest.mark.slow
def test_nothing_is_retrained_on_other_data(world: World, gsu: Gsu, tmp_path: Path) -> None:
    data = other_images(tmp_path / "other")
    typed = gsu(*world.unlearn(*QUICK, "retrain=true"), f"dataset.path={data}")
    assert typed.code == 1
    assert "`retrain=true` needs the data" in typed.err
    assert about(world.vae)["dataset_sha256"][:12] in typed.err


# --- an earlier run


@pytest.fixture
def digits(world: World, gsu: Gsu, tmp_path: Path) -> Run:
    """A run whose images were looked for in a folder of data."""
    write_world(tmp_path / "here")
    line = [*world.unlearn(*QUICK), "dataset=mnist", "dataset.download=false", "paths.data_dir=here"]
    typed = gsu(*(word for word in line if not word.startswith(("dataset.path", "dataset.name", "dataset=idx"))),
                "hydra.run.dir=run")  # fmt: skip
    assert typed.code == 0, typed.err
    return Run(tmp_path / "run")


def test_data_that_are_gone_are_not_replaced_by_others(digits: Run, gsu: Gsu, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "here")
    typed = gsu("evaluate", "run=run")
    then = digits.record["inputs"]["dataset"]["sha256"]
    assert typed.code == 1
    assert f"must be measured on the data that it saw, sha256 {then[:12]}" in typed.err
    assert "5,000 MNIST digits" in typed.err
    assert typed.err.count("sha256") == 2, "both are named"


@pytest.mark.slow
@pytest.mark.parametrize(("where", "words"), [("no data here", []), ("there", ["paths.data_dir=there"])])
def test_data_that_moved_are_found(digits: Run, gsu: Gsu, tmp_path: Path, where: str, words: list[str]) -> None:
    """``no data here`` is what GSU_DATA_DIR says in these tests."""
    (tmp_path / "here").rename(tmp_path / where)
    typed = gsu("evaluate", "run=run", *words)
    assert typed.code == 0, typed.err
    assert evaluated(tmp_path)["measurements"] == digits.record["measurements"]


@pytest.mark.slow
def test_a_run_is_found_from_another_folder(digits: Run, type_line: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    typed = type_line("evaluate", f"run={digits.folder}", cwd=tmp_path / "elsewhere")
    assert typed.code == 0, typed.err
    assert Path(digits.record["config"]["dataset"]["data_dir"]).is_absolute()
    assert Path(digits.record["inputs"]["checkpoint"]["path"]).is_absolute()


@pytest.mark.slow
def test_data_that_changed_are_refused(world: World, gsu: Gsu, tmp_path: Path) -> None:
    write_world(tmp_path / "data")
    assert gsu(*world.unlearn(*QUICK), f"dataset.path={tmp_path / 'data'}", "hydra.run.dir=run").code == 0
    shutil.rmtree(tmp_path / "data")
    other_images(tmp_path / "data")
    typed = gsu("evaluate", "run=run")
    assert typed.code == 1
    assert typed.err.count("sha256") == 2
    assert gsu("evaluate", "run=run", "dataset.classes=[0,1]", "hydra.run.dir=typed").code == 0
    assert any("as typed" in note for note in Run(tmp_path / "typed").record["notes"])


@pytest.mark.slow
def test_an_edited_list_of_samples_is_refused(world: World, gsu: Gsu, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("3\n5\n", encoding="utf-8")
    assert gsu(*world.unlearn(*QUICK, forget="forget.sample=ids.txt"), "hydra.run.dir=run").code == 0
    ids.write_text("3\n6\n", encoding="utf-8")
    typed = gsu("evaluate", "run=run")
    assert typed.code == 2
    assert "must be measured with the images that it forgot" in typed.err
    alone = gsu("evaluate", *world.data, *world.judged, "checkpoint.path=run")
    assert alone.code == 1
    assert "must be those that the weights were made without" in alone.err


@pytest.mark.slow
def test_a_new_seed_of_the_latents_forgets_the_same_images(run_of_half: Run, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu("evaluate", f"run={run_of_half.folder}", "seed=7").code == 0
    again = evaluated(tmp_path)
    assert (again["seeds"]["evaluate"], again["split"]["sha256"]) == (7, run_of_half.record["split"]["sha256"])
    assert again["inputs"]["retrained"]["sha256"] == run_of_half.record["inputs"]["retrained"]["sha256"]


@pytest.mark.slow
def test_a_reference_goes_with_what_is_forgotten(world: World, gsu: Gsu, tmp_path: Path) -> None:
    retrained = f"checkpoint.retrained={world.retrained.folder}"
    assert gsu(*world.unlearn(*QUICK, retrained), "hydra.run.dir=run").code == 0
    typed = gsu("evaluate", "run=run", "forget.class=2")
    assert typed.code == 0, typed.err
    again = evaluated(tmp_path)
    assert "retrained" not in again["inputs"]
    assert any("class_2 instead of class_1" in note for note in again["notes"])
    refused = gsu("evaluate", "run=run", "forget.class=2", retrained)
    assert refused.code == 1
    assert "must have been trained without class 2" in refused.err


@pytest.mark.slow
def test_a_run_names_its_weights(digits: Run, gsu: Gsu) -> None:
    typed = gsu("evaluate", "run=run", "checkpoint.name=vae_2d")
    assert typed.code == 2
    assert "checkpoint.name" in typed.err


@pytest.mark.slow
def test_an_evaluation_is_evaluated_whole(digits: Run, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu("evaluate", "run=run", "hydra.run.dir=again").code == 0
    assert gsu("evaluate", "run=again", "hydra.run.dir=thrice").code == 0
    assert Run(tmp_path / "thrice").record["measurements"] == digits.record["measurements"]


@pytest.mark.slow
def test_weights_that_ship_are_found_by_their_digest(digits: Run, gsu: Gsu, tmp_path: Path) -> None:
    file = tmp_path / "run" / "record.json"
    away = str(digits.record["inputs"]["checkpoint"]["path"])
    file.write_text(file.read_text(encoding="utf-8").replace(away, "/nowhere/vae.safetensors"), encoding="utf-8")
    typed = gsu("evaluate", "run=run")
    assert typed.code == 1
    assert "/nowhere/vae.safetensors" in typed.err
    from gsu_cli.run import pretrained

    shipped = tmp_path / "ships" / "mnist"
    shipped.mkdir(parents=True)
    shutil.copy(away, shipped / "other_name.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "FOLDER", tmp_path / "ships")
        typed = gsu("evaluate", "run=run", "hydra.run.dir=found")
    assert typed.code == 0, typed.err
    assert Run(tmp_path / "found").record["measurements"] == digits.record["measurements"]


# --- judges


@pytest.mark.slow
def test_a_judge_that_never_saw_a_class_is_refused(world: World, gsu: Gsu, tmp_path: Path) -> None:
    judge = world.judge.folder / "model.safetensors"
    path = altered(judge, tmp_path / "j.safetensors", forget="class_1")
    typed = gsu(*world.unlearn(*QUICK), f"judge.cnn.path={path}")
    assert typed.code == 1
    assert "trained without class_1" in typed.err


@pytest.mark.slow
def test_a_judge_of_other_data_is_said_and_another_one_than_the_runs_refused(
    world: World, gsu: Gsu, tmp_path: Path
) -> None:
    judge = world.judge.folder / "model.safetensors"
    path = altered(judge, tmp_path / "j.safetensors", dataset_sha256="f" * 64)
    assert gsu(*world.unlearn(*QUICK), f"judge.cnn.path={path}", "hydra.run.dir=run").code == 0
    (note,) = Run(tmp_path / "run").record["notes"]
    assert "judge cnn was trained on other data (sha256 ffffffffffff)" in note
    altered(judge, path)
    typed = gsu("evaluate", "run=run")
    assert typed.code == 1
    assert "`judge.cnn` must have the weights that judged the run" in typed.err


# --- a file alone


@pytest.mark.slow
def test_a_file_alone_forgets_what_it_was_made_to_forget(
    world: World, run_of_half: Run, half: Path, gsu: Gsu, tmp_path: Path
) -> None:
    line = ["evaluate", *world.data, f"checkpoint.path={run_of_half.folder}", *world.judged, "metric=[abstention]"]
    typed = gsu(*line, f"checkpoint.retrained={half}")
    assert typed.code == 0, typed.err
    again = evaluated(tmp_path)
    assert again["split"]["sha256"] == run_of_half.record["split"]["sha256"]
    assert again["seeds"]["evaluate"] == 0
    other = gsu(*line, "seeds.unlearn=2", "hydra.run.dir=typed")
    assert other.code == 0
    assert any("as typed" in note for note in Run(tmp_path / "typed").record["notes"])


@pytest.mark.slow
def test_a_file_alone_needs_the_data_whose_images_it_counts(world: World, run_of_half: Run, gsu: Gsu) -> None:
    line = ["evaluate", *world.data, f"checkpoint.path={run_of_half.folder}", *world.judged, "dataset.classes=[0,1]"]
    typed = gsu(*line)
    assert typed.code == 1
    assert "must be those that the weights were made without" in typed.err
    assert typed.err.count("sha256 of the data set") == 1


# --- what the checkpoint was trained on


def test_classes_left_out_are_retained_in_the_numbers(world: World, gsu: Gsu, tmp_path: Path) -> None:
    metrics = ("metric=[heldout_loss_retain,heldout_loss_forget,frechet_distance]", *QUICK[1:])
    whole = world.unlearn(*metrics)
    assert gsu(*whole, "hydra.run.dir=whole").code == 0
    typed = gsu(*whole, "dataset.classes=[0,1]", "hydra.run.dir=part")
    assert typed.code == 0, typed.err
    a, b = Run(tmp_path / "whole").record, Run(tmp_path / "part").record
    before = [[m for m in r["measurements"] if m["subject"] in ("original", "data")] for r in (a, b)]
    strip = [[{k: v for k, v in m.items() if not k.startswith("change")} for m in ms] for ms in before]
    assert strip[0] == strip[1], "the same images count as retained"
    (note,) = b["notes"]
    assert "leaves out 2, on which the checkpoint was trained" in note
    assert note in typed.out
    assert note in (tmp_path / "part" / "summary.md").read_text(encoding="utf-8")
    assert b["split"]["n_retain"] == 60, "of what the method saw"
    assert b["split"]["reference"]["n_retain"] == 120
    assert b["split"]["reference"]["dataset_sha256"] == a["inputs"]["dataset"]["sha256"]


@pytest.mark.slow
def test_other_data_than_the_checkpoints_are_said(world: World, gsu: Gsu, tmp_path: Path) -> None:
    data = other_images(tmp_path / "other")
    typed = gsu(*world.unlearn(*QUICK), f"dataset.path={data}", "hydra.run.dir=run")
    assert typed.code == 0
    (note,) = Run(tmp_path / "run").record["notes"]
    assert note.startswith("the checkpoint was trained on other data (180 images of strokes, sha256 ")
    assert about(world.vae)["dataset_sha256"][:12] in note
    assert Run(tmp_path / "run").record["inputs"]["dataset"]["sha256"][:12] in note


def test_a_checkpoint_of_images_that_it_cannot_explain_is_refused(world: World, gsu: Gsu, tmp_path: Path) -> None:
    """As weights of other programs are: white strokes for black ones, digits for clothes."""
    data, (images, labels) = tmp_path / "inverted", strokes(180, 1)
    data.mkdir()
    for part in ("train", "t10k"):
        write_idx(data / f"{part}-images-idx3-ubyte", 255 - images)
        write_idx(data / f"{part}-labels-idx1-ubyte", labels)
    evaluate = ["evaluate", *world.data, f"dataset.path={data}", "metric=[]", "judge=[]", "evaluation.samples=20"]
    for line in ([*world.unlearn(*QUICK), f"dataset.path={data}"], [*evaluate, f"checkpoint.path={world.vae}"]):
        typed = gsu(*line)
        assert typed.code == 1
        assert "must fit its training images better than the best constant image; found recons" in typed.err
        assert "Load strokes, on which it was trained, or train a model on these images with `gsu train" in typed.err
    made = altered(world.vae, tmp_path / "made.safetensors", method="ascent")
    assert gsu(*evaluate, f"checkpoint.path={made}").code == 0, "a ruined model is a finding"


@pytest.mark.slow
def test_a_checkpoint_that_never_saw_a_class_is_not_measured_on_it(world: World, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu(*world.train("dataset.classes=[0,1]"), "hydra.run.dir=two").code == 0
    line = ["evaluate", *world.data, "checkpoint.path=two", *world.judged, "metric=[heldout_loss_retain]"]
    assert gsu(*line, "hydra.run.dir=run").code == 0
    record = Run(tmp_path / "run").record
    assert next(m for m in record["measurements"] if m["subject"] == "original")["n"] == 60
    assert any("was not trained on 2" in note for note in record["notes"])


@pytest.mark.slow
def test_an_original_that_forgot_already_is_said(world: World, gsu: Gsu, tmp_path: Path) -> None:
    retrained = f"checkpoint.path={world.retrained.folder}"
    assert gsu(*world.unlearn(*QUICK), retrained, "hydra.run.dir=run").code == 0
    (note,) = Run(tmp_path / "run").record["notes"]
    assert "the checkpoint was trained without class 1" in note
    assert gsu(*world.unlearn(*QUICK), "checkpoint.path=run", "hydra.run.dir=twice").code == 0
    (note,) = Run(tmp_path / "twice").record["notes"]
    assert "ascent made the checkpoint forget class 1" in note
    half = world.unlearn(*QUICK, forget=HALF)
    assert gsu(*half, "seeds.unlearn=1", "hydra.run.dir=half").code == 0
    assert gsu(*half, "seeds.unlearn=2", "checkpoint.path=half", "hydra.run.dir=other").code == 0
    (note,) = Run(tmp_path / "other").record["notes"]
    assert "other images than here" in note


# --- a training that goes on


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([HALF, "seeds.unlearn=1"], [HALF, "seeds.unlearn=2"], "`forget_seed` must be what it was; found 2 (it was 1)"),
        (["model.hidden=[32]"], ["model.hidden=[16]"], "found hidden [16] (it was [32])"),
    ],
)
def test_a_state_of_another_making_is_refused(
    world: World,
    gsu: Gsu,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: list[str],
    second: list[str],
    said: str,
) -> None:
    from gsu_cli.training import whole_epochs as training

    keep, calls = training.keep, []

    def once(*args: Any, **named: Any) -> None:
        keep(*args, **named)
        calls.append(1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "keep", once)
        assert gsu(*world.train(*first), "hydra.run.dir=first").code == 130
    assert calls
    typed = gsu(*world.train(*second, "resume=first"), "hydra.run.dir=second")
    assert typed.code == 1
    assert said in typed.err


def test_the_world_is_made_of_what_it_says(world: World) -> None:
    """`other_images` must differ from the world's in pixels alone."""
    assert about(world.vae)["n"] == 180
    assert callable(write_idx)
