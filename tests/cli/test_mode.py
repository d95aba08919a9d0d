"""A line is composed once where nothing can set ``hydra.mode``, and what Hydra is asked for is what it would say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from omegaconf import OmegaConf

from gsu_cli.cli import mode
from gsu_cli.run.configs import conf_dir

Run = Callable[..., tuple[int, str, str]]
SEARCHED = (str(conf_dir()), "pkg://hydra.conf", "structured://", None)


@pytest.fixture(autouse=True)
def _looked_anew() -> Iterator[None]:
    mode._set_below.cache_clear()
    yield
    mode._set_below.cache_clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The lines of which Hydra was asked for the mode."""
    found: list[list[str]] = []
    ask = Hydra.get_mode

    def get_mode(self: Hydra, config_name: str, overrides: list[str]) -> object:
        found.append(list(overrides))
        return ask(self, config_name, overrides)

    monkeypatch.setattr(Hydra, "get_mode", get_mode)
    return found


@pytest.mark.parametrize(
    ("words", "set_"),
    [
        ([], False),
        (["seed=1,2", "method.lr=0.1"], False),
        (["hydra.run.dir=/tmp/x", "hydra.job.chdir=true"], False),
        (["hydra.mode=MULTIRUN"], True),
        (["+experiment=two"], True),
        (["hydra/launcher=joblib"], True),
        (["hydra.searchpath=[file:///tmp]"], True),
    ],
    ids=str,
)
def test_words_that_may_set_it(words: list[str], set_: bool) -> None:
    assert mode.may_be_set(conf_dir(), SEARCHED, words) is set_


def test_configs_of_others_may_set_it() -> None:
    assert mode.may_be_set(conf_dir(), (*SEARCHED, "file:///elsewhere"), [])
    assert mode.may_be_set(conf_dir(), SEARCHED[1:], [])


def test_a_plain_line_is_composed_once_and_is_the_same(
    in_process: Run, asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_process("unlearn", "dataset=mnist", f"hydra.run.dir={tmp_path}/once")[0] == 0
    assert asked == []
    monkeypatch.setattr(mode, "may_be_set", lambda *_: True)
    assert in_process("unlearn", "dataset=mnist", f"hydra.run.dir={tmp_path}/twice")[0] == 0
    assert len(asked) == 1
    for name in ("config.yaml", "hydra.yaml", "overrides.yaml"):
        once, twice = ((tmp_path / run / ".hydra" / name).read_text() for run in ("once", "twice"))
        assert once.replace(f"{tmp_path}/once", f"{tmp_path}/twice") == twice


def test_a_config_that_is_no_experiment_may_set_it(in_process: Run, asked: list[list[str]], tmp_path: Path) -> None:
    text = "# @package _global_\nmethod: {lr: 1, shots: 1}\nhydra: {mode: MULTIRUN, sweeper: {params: {seed: '3,4'}}}\n"
    (tmp_path / "conf/method/two_seeds.yaml").write_text(text, encoding="utf-8")
    code, out, _ = in_process("unlearn", "dataset=mnist", "method=two_seeds")
    assert (code, out.splitlines()[-1], len(asked)) == (0, "sweep of 2 cells", 1)


def test_what_replaces_hydras_question_goes_with_the_line(in_process: Run) -> None:
    before = Hydra.get_mode
    assert in_process("unlearn", "dataset=mnist", "do=bad_data")[0] == 1
    assert Hydra.get_mode is before


def test_nothing_of_ours_but_experiments_sets_it() -> None:
    assert not mode.may_be_set(conf_dir(), SEARCHED, [])
    texts = {path.parent.name: OmegaConf.load(path) for path in (conf_dir() / "experiment").rglob("*.yaml")}
    assert any(OmegaConf.select(text, "hydra.mode") for text in texts.values())
