"""Lines of a table are composed as Hydra composes each of them, and their choices once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hydra import compose
from hydra.errors import HydraException

from gsu_cli.verbs import composing
from gsu_cli.verbs.composing import Composer, configs

BASE = "dataset=mnist forget.class=1 method=gradient_surgery"


@pytest.fixture(autouse=True)
def _configs() -> Iterator[None]:
    with configs():
        yield


@pytest.mark.parametrize(
    "words",
    [
        f"{BASE} method.lr=2 paths.data_dir=/somewhere device=cpu",
        "method.lr=3 dataset=mnist method=ascent method.lr=1e-3",
        "dataset=mnist forget.class=[1,7] 'evaluation.samples=${seed}'",
        "dataset=mnist forget.class='1' +method.more=1 method.lr=2",
        "dataset=mnist forget={class:2} forget.class=3",
        "dataset=mnist forget.class=3 forget={class:2}",
        "dataset=mnist ~metric.fid metric.cnn.more=2",
        "dataset=mnist evaluation.nope=1",
        "dataset=mnist method.lr=1,2",
        "dataset=mnist method=nope method.lr=1",
        "dataset=mnist retrain=true retrain.images=3",
        "dataset=mnist retrain.images=3 retrain=true",
        "dataset=mnist method.lr=[1",
    ],
)
def test_a_line_is_composed_as_by_hydra(words: str) -> None:
    line = [word.strip("'") for word in words.split()]
    compose_line = Composer("unlearn")
    for _ in range(2):  # anew, and from what was kept
        assert _of(lambda: compose_line(line)) == _of(lambda: compose("unlearn", line))


def _of(composed: Any) -> Any:
    try:
        return composed()
    except HydraException as e:
        return f"{type(e).__name__}: {e}"


def test_choices_are_composed_once_and_a_value_stays_in_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(verb: str, words: Sequence[str]) -> Any:
        asked.append(words)
        return compose(verb, list(words))

    monkeypatch.setattr(composing, "compose", counted)
    compose_line = Composer("unlearn")
    found = [compose_line([*BASE.split(), f"method.lr={lr}"]) for lr in (2, 3)]
    found.append(compose_line(BASE.split()))
    assert [config.method.lr for config in found] == [2, 3, compose("unlearn", BASE.split()).method.lr]
    assert len(asked) == 1
