"""What the tests compose quickly is what Hydra composes: each node, its type, its flags, its place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from fast_lines import lines_as_hydra_composes_them
from gsu_cli.run.configs import conf_dir

LINES = [
    ("unlearn", "dataset=mnist forget.class=1"),
    ("unlearn", "dataset=avatars method=erasediff +new.key=3 ~judge.cnn"),
    ("unlearn", "dataset=mnist experiment=protocol/mnist method.lr=0.1"),
    ("audit", "audit=[percentile,lds]"),
    ("train", "model=conv_vae hydra/launcher=joblib"),
    ("train", "model=nope"),
    ("unlearn", "method.nope=1"),
    ("unlearn", "seed=[1"),
]


def composed(verb: str, words: str) -> Any:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            return compose(verb, words.split(), return_hydra_config=True)
        except HydraException as error:
            return f"{type(error).__name__}: {error}, for {error.__cause__}"


def nodes(node: Any, where: str = "") -> Iterator[tuple[Any, ...]]:
    """Every node below one: its place and all that is known of it."""
    data = {key: value for key, value in vars(node._metadata).items() if key != "resolver_cache"}
    content = node.__dict__.get("_content", node.__dict__.get("_val"))
    held = content if isinstance(node, DictConfig | ListConfig) and not isinstance(content, str | None) else None
    yield where, type(node), data, content if held is None else len(held)
    for key in () if held is None else held if isinstance(held, dict) else range(len(held)):
        assert held[key]._parent is node, where  # type: ignore[index]
        yield from nodes(held[key], f"{where}.{key}")  # type: ignore[index]


@pytest.mark.parametrize(("verb", "words"), LINES, ids=lambda word: word)
def test_a_line_is_composed_as_by_hydra(verb: str, words: str) -> None:
    with lines_as_hydra_composes_them():
        theirs = composed(verb, words)
        written = theirs if isinstance(theirs, str) else OmegaConf.to_yaml(theirs)
    for _ in range(2):  # anew, and from what was kept
        ours = composed(verb, words)
        assert type(ours) is type(theirs)
        if isinstance(ours, str):
            assert ours == theirs
        else:
            assert [*nodes(ours)] == [*nodes(theirs)]
            assert OmegaConf.to_yaml(ours) == written
            OmegaConf.set_struct(ours, False)  # the one that is kept is another one
            ours.hydra.job.name, ours.new = "changed", 1


def test_a_text_is_written_as_by_omegaconf() -> None:
    text = {
        "a": ["", "true", "1e3", "012", "é: ü", "two\nlines", "it's #1", "- x", "w " * 90],
        "b": {"c": None, "d": 0.1},
    }
    with lines_as_hydra_composes_them():
        written = OmegaConf.to_yaml(OmegaConf.create(text))
    assert OmegaConf.to_yaml(OmegaConf.create(text)) == written


def test_a_copy_is_a_copy() -> None:
    config = OmegaConf.create({"a": {"b": [1, None, "${a.c}"], "c": 2}, "d": "???"})
    OmegaConf.set_readonly(config.a, True)
    ours = copy.deepcopy(config.a)
    with lines_as_hydra_composes_them():
        theirs = copy.deepcopy(config.a)
    assert [*nodes(ours)] == [*nodes(theirs)]
    assert ours._parent is theirs._parent is config
    OmegaConf.set_readonly(ours, False)
    ours.b.append(3)
    assert len(config.a.b) == 3
    assert OmegaConf.is_readonly(config.a)
