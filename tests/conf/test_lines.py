"""Words of proposed lines: Hydra reads back what they were made of."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from gsu_cli.verbs.proposed_lines import word


@pytest.mark.parametrize(
    "value",
    ["plain", "data/my digits", "01", "1e5", "null", "Yes", "it's", 'a "b"', "a,b", "x=y", "{a}", "$HOME", "", 3, 0.5,
     True, None, [1, 3], ["a b", "c"], {"a": 1}],
)  # fmt: skip
def test_a_word_is_read_back(value: object) -> None:
    (typed,) = shlex.split(word("dataset.x", value))
    assert OverridesParser.create().parse_override(typed).value() == value
