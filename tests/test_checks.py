"""What an option may be: values come back as their type, and what is none is one sentence with the whole key."""

import math
from collections.abc import Callable

import pytest

from gsu_cli import checks
from gsu_cli.errors import UsageError
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.models.gan.dcgan import Dcgan
from gsu_cli.training.recipe import Recipe


@pytest.mark.parametrize(
    ("check", "value", "made"),
    [
        (lambda v: checks.as_int("method.steps", v), 3, 3),
        (lambda v: checks.as_ints("h", v), [2, 3], (2, 3)),
        (lambda v: checks.as_ints("model.mapping", v, empty=True), [], ()),
        (lambda v: checks.as_shape("h", v), (1, 28, 28), (1, 28, 28)),
        (lambda v: checks.as_share("protocol.budget", v), 1, 1.0),
        (lambda v: checks.as_flag("retrain", v), False, False),
        (lambda v: checks.as_number("method.lr", v, more_than=0.0), 1, 1.0),
        (lambda v: checks.as_choice("method.scope", v, ("all", "generator")), "all", "all"),
    ],
)
def test_a_value_comes_back_as_its_type(check, value, made) -> None:
    found = check(value)
    assert found == made
    assert type(found) is type(made)


@pytest.mark.parametrize(
    ("check", "value", "sentence"),
    [
        (lambda v: checks.as_int("method.steps", v), True, "`method.steps` must be an integer >= 1; found True."),
        (lambda v: checks.as_int("method.steps", v), "3", "`method.steps` must be an integer >= 1; found '3'."),
        (lambda v: checks.as_int("method.steps", v, 0), None, "`method.steps` must be an integer >= 0; found null."),
        (
            lambda v: checks.as_ints("h", v),
            [],
            "`h` must be a list of integers, at least one; found [].",
        ),
        (
            lambda v: checks.as_ints("h", v),
            "12",
            "`h` must be a list of integers, at least one; found '12'.",
        ),
        (lambda v: checks.as_ints("h", v), [1, 0], "`h[1]` must be an integer >= 1; found 0."),
        (
            lambda v: checks.as_shape("h", v),
            [1, 2],
            "`h` must be channels, height and width; found [1, 2].",
        ),
        (lambda v: checks.as_share("c", v), 0, "`c` must be a share in (0, 1], 0.01 being 1 %; found 0."),
        (
            lambda v: checks.as_share("c", v),
            math.nan,
            "`c` must be a share in (0, 1], 0.01 being 1 %; found nan.",
        ),
        (lambda v: checks.as_flag("retrain", v), "no", "`retrain` must be true or false; found no."),
        (
            lambda v: checks.as_number("x", v, least=0.0, most=1.0),
            2,
            "`x` must be a finite number >= 0 and <= 1; found 2.",
        ),
        (
            lambda v: checks.as_number("x", v, more_than=0.0),
            1e300,
            "`x` must be a number that float32 holds, of at most 3.4e+38; found 1e+300.",
        ),
        (lambda v: checks.as_number("x", v, most=1.0), 1e300, "`x` must be a finite number and <= 1; found 1e+300."),
        (lambda v: checks.as_int("n", v), 2**63, "`n` must be an integer below 2^63; found 9223372036854775808."),
        (lambda v: checks.as_number("x", v), math.inf, "`x` must be a finite number; found inf."),
        (
            lambda v: checks.as_numbers("x", v, more_than=0.0),
            [],
            "`x` must be one number or several; found []. Type x=[1,10], say.",
        ),
        (
            lambda v: checks.as_choice("method.scope", v, ("all", "generator")),
            "al",
            "`method.scope` must be one of all, generator; found al. Did you mean 'all'?",
        ),
    ],
)
def test_what_is_none_is_one_sentence(check, value, sentence) -> None:
    with pytest.raises(UsageError) as caught:
        check(value)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("built", "sentence"),
    [
        (
            lambda: checks.as_choice("model.schedule", None, ("cosine", "linear")),
            "must be one of cosine, linear; found null.",
        ),
        (
            lambda: Recipe(epochs=1, batch_size=1, lr=1.0, ema=None),
            "`training.ema` must be a number in [0, 1); found null.",
        ),  # type: ignore[arg-type]
        (lambda: Ddpm((1, 8, 8), prediction=None), "must be one of eps, v; found null."),  # type: ignore[arg-type]
        (lambda: Ddpm((1, 8, 8), conditions=3, drop=None), "`model.drop` must be a number in [0, 1); found null."),  # type: ignore[arg-type]
        (lambda: Dcgan((1, 8, 8), gamma=None), "`model.gamma` must be a finite number >= 0; found null."),  # type: ignore[arg-type]
    ],
)
def test_nothing_where_a_value_must_be_is_said_as_it_is_typed(built: Callable[[], object], sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        built()
    assert str(raised.value).endswith(sentence)
