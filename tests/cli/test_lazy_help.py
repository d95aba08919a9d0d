"""Help that is no text yet passes where Hydra parses a line, and nowhere else; every line on Python 3.14 tests it."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest
from hydra._internal.utils import get_args_parser

from gsu_cli.cli import lazy_help
from gsu_cli.cli.job import as_command_line


def strict(parser, action):
    """As Python 3.14 checks: it looks for a percent sign, and formats."""
    if "%" in action.help:
        action.help % {}


@pytest.fixture
def checked(monkeypatch):
    monkeypatch.setattr(ArgumentParser, lazy_help.CHECK, strict, raising=False)


def check(text):
    parser = ArgumentParser()
    action = parser.add_argument("--word", help="a word")
    action.help = text
    getattr(parser, lazy_help.CHECK)(action)


def test_help_that_is_no_text_passes_within_a_line_alone(checked):
    with as_command_line(["gsu"]):
        check(object())
    with pytest.raises(TypeError):
        check(object())


def test_text_is_checked_as_ever(checked):
    with as_command_line(["gsu"]), pytest.raises(ValueError, match="unsupported format character"):
        check("50 %!")


def test_hydra_s_options_pass():
    with as_command_line(["gsu"]):
        assert get_args_parser().parse_args(["a=b"]).overrides == ["a=b"]
