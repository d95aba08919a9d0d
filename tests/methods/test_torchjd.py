from __future__ import annotations

import importlib.util
import warnings

import pytest
import torch
import torchjd.aggregation

from gsu_cli.errors import UsageError
from gsu_cli.methods import torchjd as module
from gsu_cli.methods.torchjd import AGGREGATORS, TorchJd, build, munba

from ._smoke import assert_smoke, run

FOR_MORE_ROWS = {"Krum", "TrimmedMean", "Constant"}
PROMISED = {"UPGrad", "MGDA", "DualProj"}  # those whose theory promises no conflict for any rows


def rows(angle: float, seed: int = 0) -> torch.Tensor:
    """Two rows in 50 dimensions at that angle, of lengths 3 and 0.5."""
    g = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(50, 2, generator=g, dtype=torch.float64))
    u, v = Q.T
    turn = torch.tensor(angle, dtype=torch.float64)
    return torch.stack([3.0 * u, 0.5 * (turn.cos() * u + turn.sin() * v)])


CONFLICT, HARMONY = rows(2.2), rows(0.9)


def aggregate(name: str, J: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cvxpy's advice on how to pose problems, to torchjd
        return build(name, {})(J)


def test_the_catalogue_is_torchjds() -> None:
    known = {
        name
        for name in torchjd.aggregation.__all__
        if issubclass(kind := getattr(torchjd.aggregation, name), torchjd.aggregation.Aggregator)
        and not kind.__subclasses__()
    }
    assert known - FOR_MORE_ROWS == AGGREGATORS.keys() - {"MUNBa"}


@pytest.mark.parametrize("name", sorted(AGGREGATORS.keys() - {"NashMTL"}))
def test_each_makes_a_direction_of_two_rows(name: str) -> None:
    found = aggregate(name, CONFLICT.float())
    assert found.shape == (50,)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("J", [CONFLICT, HARMONY], ids=["conflict", "harmony"])
def test_pcgrad_is_its_closed_form(J: torch.Tensor) -> None:
    """Each row loses its component along the other where they conflict; the two are added (Yu et al. 2020)."""
    a, b = J
    inner = torch.clamp(a @ b, max=0.0)
    torch.testing.assert_close(aggregate("PCGrad", J), a - inner / (b @ b) * b + b - inner / (a @ a) * a)


@pytest.mark.parametrize("name", sorted(PROMISED))
@pytest.mark.parametrize("seed", range(5))
def test_what_must_not_conflict_does_not(name: str, seed: int) -> None:
    J = rows(2.0 + 0.2 * seed, seed)
    along = J @ aggregate(name, J)
    assert (along >= -1e-2 * J.norm(dim=1)).all()


def test_the_plain_mean_does_conflict() -> None:
    """The negative control: without an aggregator the short row loses."""
    assert (CONFLICT @ aggregate("Mean", CONFLICT))[1] < -0.1


@pytest.mark.parametrize("J", [CONFLICT, HARMONY], ids=["conflict", "harmony"])
def test_munba_is_the_bisector_of_length_root_two(J: torch.Tensor) -> None:
    found = munba(J)
    assert float(found.norm()) == pytest.approx(2**0.5)
    along = (J / J.norm(dim=1, keepdim=True)) @ found
    assert float(along[0]) == pytest.approx(float(along[1]))
    # Nash bargaining: with d = J^T a, the condition (J J^T) a = 1 / a (Navon et al. 2022, claim 3.2)
    a = torch.linalg.lstsq(J.T, found[:, None]).solution[:, 0]
    torch.testing.assert_close(J @ J.T @ a, 1 / a)


def test_munba_is_nash_mtl_for_two_rows_and_stands_in_where_its_solver_is_not_installed() -> None:
    if importlib.util.find_spec("ecos") is None:
        with pytest.raises(UsageError, match=r"gsu-cli\[solvers\].*MUNBa is the closed form"):
            TorchJd("NashMTL")
    else:
        torch.testing.assert_close(aggregate("NashMTL", CONFLICT), munba(CONFLICT), rtol=1e-2, atol=1e-3)


def test_munba_of_rows_that_leave_nothing_is_zero() -> None:
    u = CONFLICT[0]
    assert not munba(torch.stack([u, -2 * u])).any()
    assert not munba(torch.stack([u, 0 * u])).any()


@pytest.mark.parametrize("aggregator", ["UPGrad", "PCGrad", "GradDrop"])
def test_smoke(aggregator: str) -> None:
    """Those that draw from torch's global generator included: the same twice, to the bit."""
    _, update = assert_smoke(TorchJd(aggregator, steps=3, log_every=1), still="encoder")
    assert update.details["aggregator"] == aggregator
    assert len(update.details["per_step"]["along_forget"]) == 3


def test_upgrad_never_steps_against_a_batchs_own_gradient() -> None:
    per_step = run(TorchJd("UPGrad", steps=20, log_every=20))[1].details["per_step"]
    assert min(*per_step["along_forget"], *per_step["along_retain"]) > -0.02


def test_a_missing_solver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("torchjd._mixins.find_spec", lambda name: None if name == "cvxpy" else found(name))
    with pytest.raises(UsageError, match=r"CAGrad.*gsu-cli\[solvers\]"):
        TorchJd("CAGrad")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"aggregator": "UpGrad"}, "Did you mean 'UPGrad'"),
        ({"aggregator": "CAGrad", "options": {"d": 1}}, "method.options.*CAGrad"),
        ({"aggregator": "CAGrad", "options": {"c": -1.0}}, "method.options"),
        ({"aggregator": "MUNBa", "options": {"c": 1}}, "method.options.*MUNBa"),
        ({"steps": 0}, "method.steps"),
    ],
)
def test_bad_options(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        module.TorchJd(**options)
