"""Words that other programs have for a setting: the refusal names the setting that it is here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUNS = ("train", "unlearn", "evaluate", "audit")
SAID = [
    *((verb, "threads=4", "Set the environment variable OMP_NUM_THREADS=4 before the line") for verb in RUNS),
    ("reproduce", "threads=4", "Here it is workers: type workers=4."),
    *((verb, "workers=2", "Type -m and hydra/launcher=joblib hydra.launcher.n_jobs=2") for verb in RUNS[:3]),
    ("audit", "n_jobs=2", "Here it is workers: type workers=2."),
    *((verb, "gpu=0", "Here it is device: type device=cuda, or device=cpu") for verb in (*RUNS, "reproduce")),
    *((verb, "verbose=true", "Type hydra.verbose=true.") for verb in (*RUNS, "report", "reproduce", "show")),
    *((verb, "quiet=true", "Add >/dev/null to the line") for verb in RUNS),
    *((verb, "out=x", "Here it is hydra.run.dir: type hydra.run.dir=x.") for verb in RUNS),
    *((verb, "name=x", "Here it is hydra.run.dir: type hydra.run.dir=x.") for verb in RUNS),
    ("report", "out=x", "Here it is output: type output=x."),
    ("report", "name=x", "Here it is title: type title=x."),
    ("reproduce", "out=x", "Here it is paths.output_dir: type paths.output_dir=x."),
    ("train", "epochs=3", "Here it is training.epochs: type training.epochs=3."),
    ("unlearn", "epochs=3", "Here it is method.epochs. Choose one that has it, method=finetune"),
    ("audit", "epochs=3", "`gsu train` has training.epochs."),
    ("unlearn", "lr=0.1", "Here it is method.lr. Choose one that has it, method=ascent"),
    ("evaluate", "batch_size=8", "`gsu train` has training.batch_size."),
    ("unlearn", "n=5", "Here it is evaluation.samples: type evaluation.samples=5."),
    ("audit", "n=5", "Here it is images: type images=5."),
    ("show", "n=5", "Here it is last: type last=5."),
    ("unlearn", "quiet", "Add >/dev/null to the line"),
    ("unlearn", "--quiet --threads", "found --quiet. Type quiet=VALUE"),
]


@pytest.mark.parametrize(("verb", "word", "said"), SAID)
def test_a_word_of_other_programs_is_answered_with_the_setting(
    type_line: Callable[..., Any], tmp_path: Path, verb: str, word: str, said: str
) -> None:
    typed = type_line(verb, *word.split(), cwd=tmp_path)
    assert typed.code == 2
    assert said in typed.err
    assert typed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_setting_of_the_method_that_was_chosen_is_named(type_line: Callable[..., Any], tmp_path: Path) -> None:
    typed = type_line("unlearn", "forget.class=1", "method=ascent", "lr=0.5", cwd=tmp_path)
    assert "Did you mean 'method.lr'?" in typed.err


def test_an_option_of_the_data_set_that_was_chosen_goes_first(type_line: Callable[..., Any], tmp_path: Path) -> None:
    assert "Did you mean 'dataset.n'?" in type_line("unlearn", "dataset=avatars", "n=99", cwd=tmp_path).err
