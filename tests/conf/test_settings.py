"""The settings that verbs check are those that their configs have; the options of classes refuse what means nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gsu_cli.errors import GsuError
from gsu_cli.judges.base import Unavailable
from gsu_cli.run import folders
from gsu_cli.run.configs import conf_dir
from gsu_cli.verbs.arguments import check_arguments, fits, words
from gsu_cli.verbs.build import build
from gsu_cli.verbs.settings import GROUPS, SETTINGS, check, names
from line_fuzz import dotted

GROUPS_OF_CLASSES = ("audit", "dataset", "judge", "logger", "method", "metric", "model", "training")
SHAPE = {"shape": [3, 64, 64]}
MORE = {
    "judge_cnn": {**SHAPE, "labels": [0, 1]},
    "attribute_cnn": {**SHAPE, "attributes": ["a"]},
    "cvae": {**SHAPE, "conditions": 2},
    "ddpm_conditional": {**SHAPE, "conditions": 2},
}
FROM_A_FOLDER = ("autoencoder_kl", "pythae")  # their options lie beside the weights
DECIDED_BY_DATA = ("classes", "heldout", "attributes", "names")  # of a data set; words that its files must have
READ_OFF_THE_DATA = {"conditions": 4}  # of a model: a verb refuses any other than the data's before it builds
ODD: list[Any] = [math.nan, math.inf, -1, 2**63, "x", True, None, [], {"a": 1}]


@pytest.mark.parametrize("verb", SETTINGS)
def test_settings_are_those_of_the_configs(verb: str) -> None:
    folders.register_resolvers()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        found = {key for key in dotted(compose(verb)) if key.partition(".")[0] not in GROUPS}
    assert found == set(names(SETTINGS[verb]))


@pytest.mark.parametrize(
    "word",
    [f"{group}={path.stem}" for group in ("checkpoint", "paths") for path in sorted((conf_dir() / group).iterdir())],
)
def test_every_choice_of_settings_passes(word: str) -> None:
    folders.register_resolvers()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        check(compose("unlearn", [word]), "unlearn")


def classes() -> list[Path]:
    """One config of each class that a config names."""
    found = {}
    for group in GROUPS_OF_CLASSES:
        for path in sorted((conf_dir() / group).glob("*.yaml")):
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.startswith("_target_:") and path.stem not in FROM_A_FOLDER:
                    found[line] = path
    return list(found.values())


@pytest.mark.parametrize("path", classes(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_odd_values_of_every_option(path: Path) -> None:
    """Each is taken in a documented meaning, or refused by name; nothing else is raised, and nan is never taken."""
    folders.register_resolvers()
    group = path.parent.name
    whole = OmegaConf.create({"paths": {"data_dir": "nowhere"}, group: OmegaConf.load(path)})
    options = whole[group]
    more = MORE.get(path.stem, SHAPE) if group == "model" else {}
    for missing in [key for key in options if OmegaConf.is_missing(options, key)]:
        options[missing] = "x"
    counted = [key for key in READ_OFF_THE_DATA if group == "model" and key in options and options[key] is None]
    options.update({key: READ_OFF_THE_DATA[key] for key in counted})
    build(options, key=group, **more)
    plain = OmegaConf.to_container(options, resolve=True)
    assert isinstance(plain, dict)
    left_out = ("_target_", *(DECIDED_BY_DATA if group == "dataset" else ()), *counted)
    for option in (key for key in plain if key not in left_out):
        for odd in ODD:
            options[option] = odd
            try:
                build(options, key=group, **more)
            except (GsuError, Unavailable) as e:
                said = str(e)
                assert f"{group}." in said, (option, odd, said)
                assert option in said, (option, odd, said)
            else:
                assert takes(type(plain[option]), odd), (option, odd)
        options[option] = plain[option]


def takes(default: type, odd: Any) -> bool:
    """Whether an odd value may be taken for an option with a default of this type."""
    if isinstance(odd, float) and math.isnan(odd):
        return False
    if default in (int, float):
        return odd is None or (isinstance(odd, int | float) and not isinstance(odd, bool))
    if default is bool:
        return isinstance(odd, bool)
    if default is str:
        return odd is None or isinstance(odd, str | int | float)
    return True


class Own:
    """A class of a user's."""

    def __init__(self, width: int, names: list[str] | None = None, *, rate: float = 1.0, what: object = None) -> None:
        self.width = width


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"width": 3, "names": ["a"], "rate": 2, "what": {}}, ""),
        ({"width": 3, "names": None}, ""),
        ({"width": 3.0}, "`model.width` must be an integer; found 3.0"),
        ({"width": True}, "`model.width` must be an integer; found True"),
        ({"width": 3, "names": "a"}, "`model.names` must be a list or null; found 'a'"),
        ({"width": 3, "names": [1]}, "`model.names` must be a list or null; found [1]"),
        ({"width": 3, "rate": "x"}, "`model.rate` must be a number; found 'x'"),
        (
            {"width": 3, "rte": 1},
            "`model` must hold options of Own: width, names, rate, what; found rte. Did you mean 'rate'?",
        ),
    ],
)
def test_options_against_annotations(options: dict[str, Any], part: str) -> None:
    if not part:
        check_arguments(Own, options, "model")
        return
    with pytest.raises(GsuError) as found:
        check_arguments(Own, options, "model")
    assert part in str(found.value)


def test_annotations() -> None:
    assert fits({"a": 1}, dict[str, int])
    assert not fits({"a": "x"}, dict[str, int])
    assert fits([1, 2], tuple[int, int])
    assert not fits([1, 2, 3], tuple[int, int])
    assert fits((1, 2, 3), tuple[int, ...])
    assert not fits(2**63, int)
    assert words(dict[str, int] | None) == "a mapping or null"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["judge=[cnn]", "judge.knn.k=3"],
            "`judge.knn.k` needs knn among the choices of `judge`; found judge=[cnn]. Type judge=[cnn,knn]",
        ),
        (
            ["metric.kid.judge=cnn"],
            "needs kid among the choices of `metric`; found metric=default. Type metric=[default,kid]",
        ),
        (["judge=[cnn]", "judge.knm.k=3"], "a setting must be one that `gsu unlearn` has; found judge.knm.k."),
    ],
)
def test_a_setting_of_a_choice_that_is_left_out_says_how_to_choose_it(
    type_line: Callable[..., Any], tmp_path: Path, words: list[str], said: str
) -> None:
    typed = type_line("unlearn", "dataset=mnist", "forget.class=1", *words, cwd=tmp_path)
    assert typed.code == 2
    assert said in typed.err
    assert typed.err.count("\n") == 1
