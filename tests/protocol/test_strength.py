"""Where a method says what its strength is."""

import pytest
from omegaconf import OmegaConf

from gsu_cli.errors import UsageError
from gsu_cli.unlearning.contract import Strength
from gsu_cli.verbs.protocol import _strength

NOTHING = OmegaConf.create({"strength": None, "low": None, "high": None})
LR = Strength("lr", 1e-3, 1.0)


class Today:
    strength = LR

    def __init__(self) -> None:
        self.lr = 1.0


class OptionOfThatName(Today):
    """Newton's constructor has an option ``strength``; what an instance holds is no answer."""

    def __init__(self) -> None:
        self.strength = 2.0


class Earlier:
    knob = LR


class Without:
    strength = None


@pytest.mark.parametrize("kind", [Today, OptionOfThatName, Earlier])
def test_the_class_names_it_by_either_word(kind: type) -> None:
    assert _strength(kind(), NOTHING) == LR


def test_none_says_that_there_is_none() -> None:
    assert _strength(Without(), NOTHING) is None


def test_what_is_typed_goes_first() -> None:
    typed = OmegaConf.create({"strength": "steps", "low": 1, "high": 9})
    assert _strength(Today(), typed) == Strength("steps", 1, 9)
    assert _strength(object(), typed) == Strength("steps", 1, 9)


def test_a_class_that_does_not_say_is_asked_to() -> None:
    with pytest.raises(UsageError, match=r"attribute `strength = Strength\(option, low, high\)`"):
        _strength(object(), NOTHING)
