"""What code of anyone's raises becomes one sentence about it, unless it is none of its doing."""

from __future__ import annotations

import pytest

from gsu_cli.errors import CheckpointError, ProcessError
from gsu_cli.run.foreign_errors import foreign_errors


def test_whatever_is_raised_becomes_the_sentence() -> None:
    with pytest.raises(CheckpointError, match="must rebuild; found ZeroDivisionError"), foreign_errors(_sentence):
        raise ZeroDivisionError


def test_another_process_that_ended_is_not_laid_on_the_weights() -> None:
    """The record of a line under torchrun said that its weights must rebuild, when torchrun had been told to end."""
    with pytest.raises(ProcessError, match="all processes must live"), foreign_errors(_sentence):
        raise ProcessError.of_a_lost_one("torchrun asked this one to end")


def _sentence(e: Exception) -> CheckpointError:
    return CheckpointError("it must rebuild", found=type(e).__name__)
