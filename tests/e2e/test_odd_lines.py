"""The table of what Hydra lets people type of groups and sections: each cell works or is one sentence."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from e2e_world import Run, World, runs
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.groups import defaults_of, has_class, option_names, takes_several
from gsu_cli.verbs.settings import GROUPS, SETTINGS
from line_fuzz import Lines, make_dry

Gsu = Callable[..., Any]
FORMS = (
    *("{}=null", "~{}", "{}=[null]", "{}=[{one},null]", "{}=[]", "{}=3", "{}=true", "{}=", "{}=nope", "{}=[nope]"),
    *("{}={{a:1}}", "{}.nope=1", "+{}.nope=1", "++{}.nope=1", "+{}.nope.deep=1", "~{}.nope", "+{}={one}", "++{}={one}"),
    *("{}=[{one},{one}]", "{}=[[{one}]]", "{}=[{{a:1}}]", "~{}={one}", "~{}=nope", "{}@x={one}"),
)
SECTION_FORMS = (*(form for form in FORMS if "one" not in form), "{}=x", "{}=[1]", "{}={{}}")
SCALAR_FORMS = ("~{}", "{}=null", "{}=[null]", "+{}.nope=1", "{}={{a:1}}")


def table() -> Iterator[tuple[str, str]]:
    """(verb, word): every group and every section of every verb in every form."""
    for verb in SETTINGS:
        for group in (g for g in defaults_of(verb, conf_dir()) if "/" not in g):
            one = option_names(conf_dir() / group)[0]
            yield from ((verb, form.format(group, one=one)) for form in FORMS)
        for section in (key for key, kind in SETTINGS[verb].items() if not isinstance(kind, str)):
            yield from ((verb, form.format(section)) for form in SECTION_FORMS)
        for key in (key for key, kind in SETTINGS[verb].items() if isinstance(kind, str)):
            yield from ((verb, form.format(key)) for form in SCALAR_FORMS)


TABLE = list(table())
EVERY = 120
"""A part of the table, always the same, is typed in every run of the tests; all of it in slow ones."""


@pytest.fixture(scope="session")
def earlier(world: World, type_line: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of `gsu unlearn` to look back on."""
    root = tmp_path_factory.mktemp("earlier")
    typed = type_line(*world.unlearn("method=ascent", f"hydra.run.dir={root / 'run'}"), cwd=root)
    assert typed.code == 0, typed
    return Run(root / "run")


def base(verb: str, world: World, earlier: Run) -> list[str]:
    return {
        "unlearn": world.unlearn("method=ascent", "metric=[retained_shift]"),
        "train": world.train(),
        "evaluate": ["evaluate", f"run={earlier.folder}", "evaluation.samples=60"],
        "audit": ["audit", f"run={earlier.folder}"],
        "reproduce": ["reproduce", "table=quickest", "preview=true"],
        "report": ["report", f"runs={earlier.folder}"],
        "show": ["show", "last=1"],
    }[verb]


def works_or_says_why(typed: Any, words: list[str]) -> None:
    """Exit 0, or one sentence, or one that counts the problems listed below it; never a traceback or a defect."""
    assert typed.code in (0, 1, 2), (words, typed)
    assert "Traceback" not in typed.err, (words, typed)
    if typed.code:
        lines = typed.err.splitlines()
        listed = list(takewhile(lambda line: line.startswith("  - "), reversed(lines)))
        said = lines[len(lines) - len(listed) - 1]
        assert said.startswith("gsu: "), (words, typed)
        assert not listed or said.endswith(f" has {len(listed)} problems:"), (words, typed)


def type_dry(gsu: Gsu, words: list[str]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        make_dry(patch)
        return gsu(*words)


@pytest.mark.parametrize(("verb", "word"), TABLE[::EVERY])
def test_a_cell_of_the_table(world: World, earlier: Run, gsu: Gsu, verb: str, word: str) -> None:
    words = [*base(verb, world, earlier), word]
    works_or_says_why(type_dry(gsu, words), words)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", SETTINGS)
def test_the_whole_table(world: World, earlier: Run, gsu: Gsu, verb: str) -> None:
    rows = [word for each, word in TABLE if each == verb]
    assert len(rows) > 30
    for word in rows:
        words = [*base(verb, world, earlier), word]
        works_or_says_why(type_dry(gsu, words), words)


SAID = [
    ("method=null", 2, "`method` must be given. Choose one of ascent,"),
    ("~method", 2, "`method` must be given. Choose one of ascent,"),
    ("~dataset", 2, "`dataset.name` needs a choice of `dataset`; found ~dataset. Leave out one of the two."),
    ("judge=[cnn,null]", 2, "`judge` must be names, each one of cnn, knn; found [cnn,null]."),
    ("judge=3", 2, "`judge` must be names, each one of cnn, knn; found 3."),
    ("method=[ascent,moon]", 2, "`method` must be one of ascent,"),
    ("~judge=[cnn,knn]", 2, "~judge must stand alone; found ~judge=[cnn,knn]. Type ~judge.cnn for one of them."),
    ("~method=moon", 2, "~method= must name what stands there; found ~method=moon. Type ~method alone."),
    ("paths=null", 2, "`paths` must be one of default; found paths=null."),
    ("hydra/launcher=null", 2, "`hydra/launcher` must be a choice"),
    ("++method=ascent", 2, "+ must only add a setting that is not there yet; found ++method=ascent. Leave out the +"),
    ("+metric.foo=3", 2, "`metric.foo` must name a class in _target_; found 3."),
    ("judge.knn=3", 2, "`judge.knn` must name a class in _target_; found 3."),
    ("+metric.fid=null", 0, ""),
    ("+metric.retained_shift.depth=3", 2, "`metric.retained_shift` must hold options of RetainedShift"),
    ("+method.lrr=1", 2, "`method` must hold options of Ascent: lr, scope, shots; found lrr. Did you mean 'lr'?"),
    ("method={lrr: 1}", 2, "found lrr. Did you mean 'lr'?"),
    ("+method._partial_=true", 2, "`method` must build something whole; found _partial_."),
    ("method._target_=builtins.dict", 2, "`method._target_` must make a method, which is called; found dict"),
    ("+metric.mine._target_=builtins.dict", 2, "`metric.mine._target_` must make a metric"),
    ("+judge.mine._target_=builtins.dict", 2, "`judge.mine._target_` must make a judge; found dict without prepare()"),
    ("++evaluation.smaples=50", 2, "found evaluation.smaples. Did you mean 'evaluation.samples'?"),
    ("+forget.klass=1", 2, "found forget.klass. Did you mean 'forget.class'?"),
    ("+budget=1", 2, "a setting must be one that `gsu unlearn` has; found budget."),
    ("~retrain", 2, "`retrain` must stay among the settings; found ~retrain."),
    ("~tune", 2, "`tune` must stay among the settings; found ~tune."),
    ("~seeds.train", 2, "`seeds.train` must stay among the settings; found ~seeds.train."),
    ("forget=null", 2, "`forget` must stay a group of settings; found null. Type forget.class=1"),
    ("checkpoint.path=3", 2, "`checkpoint.path` must be text or null; found 3. Put it in quotes twice"),
    ("dataset.path=[a]", 2, "`dataset.path` must be text; found ['a']"),
    ("dataset.transpose=3", 2, "`dataset.transpose` must be true or false; found 3."),
    ("judge.cnn.path=3", 2, "`judge.cnn.path` must be text or null; found 3."),
    ("seed=01", 2, "`seed` must be an integer >= 0; found '01'. Type seed=1"),
    ("seed=null", 2, "`seed` must be an integer >= 0; found null."),
    ("seeds.train=x", 2, "`seeds.train` must be an integer >= 0; found 'x'."),
    ("method.shots=9223372036854775808", 2, "`method.shots` must be an integer below 2^63; found 9223372036854775808."),
    (
        "hydra.job_logging.root=3",
        2,
        "the line and the configs must fit together; found Unable to configure root logger",
    ),
    ("-m forget.class=glob(*)", 2, "a sweep over `forget.class` must have values; found forget.class=glob(*)."),
    ("-m method=glob(zzz*)", 2, "a sweep over `method` must have values"),
    ("-m seed=range(0)", 2, "a sweep over `seed` must have values; found seed=range(0)."),
    ("-m seed=range(0,3,0)", 2, "a sweep must have values; found seed=range(0,3,0)"),
    ("-m method=ascent,null", 2, "`method` must be one of ascent,"),
    ("-m hydra.sweeper.params={seed:3}", 2, "hydra.sweeper.params must be set in an experiment file"),
    ("-m hydra.sweeper.max_batch_size=0 seed=0,1", 2, "the line and the configs must fit together"),
]


@pytest.mark.parametrize(("line", "code", "part"), SAID)
def test_what_a_line_says(world: World, gsu: Gsu, line: str, code: int, part: str) -> None:
    words = line.split(" ") if line.startswith("-m") else [line]
    typed = gsu(
        *world.unlearn("method=ascent", "metric=[retained_shift]"), *words
    )  # one metric: composing is most of the time
    works_or_says_why(typed, words)
    assert (typed.code, part in typed.err) == (code, True), typed


def test_a_line_without_judges_claims_nothing(world: World, gsu: Gsu, tmp_path: Path) -> None:
    words = [word for word in world.unlearn("method=ascent", "judge=null") if not word.startswith("judge.")]
    assert gsu(*words).code == 0
    (run,) = runs(tmp_path)
    assert run.record["judges"] == []
    assert not any(m["name"] == "feature_ratio" and m["value"] is not None for m in run.record["measurements"])
    said = (run.folder / "summary.md").read_text(encoding="utf-8").splitlines()[0]
    assert said.startswith("# Judges can say nothing about class 1: no judge was chosen")


def test_a_line_without_metrics_makes_weights(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method=ascent", "metric=null"))
    assert typed.code == 0
    assert "─" not in typed.out, "an empty table"
    (run,) = runs(tmp_path)
    assert run.record["measurements"] == []
    assert "unlearned.safetensors" in run.files()


@pytest.mark.parametrize(
    ("word", "gone"),
    [("~metric.retained_shift", "retained_shift"), ("metric.abstention=null", "abstention"), ("~judge.knn", "knn")],
)
def test_what_is_taken_away_is_not_measured(
    world: World, earlier: Run, gsu: Gsu, tmp_path: Path, word: str, gone: str
) -> None:
    few = "metric=[retained_shift,abstention,heldout_loss_retain]"
    for words in (world.unlearn("method=ascent", few, word), [*base("evaluate", world, earlier), few, word]):
        assert gsu(*words).code == 0
    found = [run.record for run in runs(tmp_path)]
    assert len(found) == 2
    for record in found:
        assert {m["name"] for m in record["measurements"]}, "all of it was taken away"
        assert gone not in {m["name"] for m in record["measurements"]} | {m["judge"] for m in record["measurements"]}


def test_options_of_a_method_as_its_config_documents_them(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(
        *world.unlearn("method=torchjd", "method.aggregator=CAGrad", "method.options={c: 0.4}", "method.steps=2")
    )
    assert typed.code == 0, typed
    (run,) = runs(tmp_path)
    assert run.record["config"]["method"]["options"] == {"c": 0.4}


def test_memory_that_nobody_has_is_a_sentence(world: World, gsu: Gsu) -> None:
    typed = gsu(*world.train("model.hidden=[4000000000]"))
    assert typed.code == 1
    assert "the machine must have memory for what is asked; found a need for " in typed.err
    assert "Traceback" not in typed.err


def seed_of_today() -> int:
    return int(os.environ.get("GSU_FUZZ_SEED", datetime.date.today().strftime("%Y%m%d")))


def fuzz(world: World, earlier: Run, gsu: Gsu, seed: int, n: int, *, run_through: bool = False, wanted: int = 0) -> int:
    """Types ``n`` random lines, and up to three times as many until ``wanted`` reached the work; how many did."""
    print(f"GSU_FUZZ_SEED={seed}")
    lines, reached = Lines(world, earlier.folder, seed), 0
    for typed_before in range(3 * n):
        if typed_before >= n and reached >= wanted:
            break
        words = lines.line(run_through=run_through)
        typed = gsu(*words) if run_through else type_dry(gsu, words)
        works_or_says_why(typed, words)
        reached += typed.code == 0 or "a dry line ends here" in typed.err
    return reached


def test_random_lines(world: World, earlier: Run, gsu: Gsu) -> None:
    fuzz(world, earlier, gsu, int(os.environ.get("GSU_FUZZ_SEED", "1")), 10)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_random_lines(world: World, earlier: Run, gsu: Gsu) -> None:
    assert fuzz(world, earlier, gsu, seed_of_today() + 1, 1000) > 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_random_lines_that_run_through(world: World, earlier: Run, gsu: Gsu) -> None:
    """Of a hundred about a dozen do; on a day of fewer more are typed."""
    assert fuzz(world, earlier, gsu, seed_of_today() + 2, 100, run_through=True, wanted=11) > 10


def test_groups_are_told_apart() -> None:
    assert [g for g in GROUPS if takes_several(g, conf_dir())] == [
        "audit",
        "judge",
        "metric",
    ]
    assert not any(has_class(g, conf_dir()) for g in ("paths", "checkpoint"))


def test_a_job_of_another_name_is_a_run_of_its_verb(world: World, gsu: Gsu, tmp_path: Path) -> None:
    """Records took the name for the verb, and tables left the run out."""
    words = ("method=gradient_surgery", "metric=[feature_ratio]", "judge=[knn]", "hydra.job.name=train")
    line = [word for word in world.unlearn(*words) if not word.startswith("judge.cnn")]
    assert gsu(*line).code == 0
    (run,) = runs(tmp_path)
    assert run.record["verb"] == "unlearn"
