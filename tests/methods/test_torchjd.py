from __future__ import annotations

import importlib.util
import warnings

import pytest
import torch

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.methods import torchjd as module
from gsu_cli.methods.torchjd import TorchJd
from gsu_cli.solvers.aggregators import AGGREGATORS, build
from gsu_cli.solvers.rows import munba
from later import Later
from method_runs import assert_smoke, run

aggregation = Later("torchjd.aggregation")  # a second

FOR_MORE_ROWS = {"Krum", "TrimmedMean"}
PROMISED = {"UPGrad", "MGDA", "DualProj"}  # those whose theory promises no conflict for any rows


def rows(angle: float, seed: int = 0, short: float = 0.5) -> torch.Tensor:
    """Two rows in 50 dimensions at that angle, of lengths 3 and ``short``."""
    g = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(50, 2, generator=g, dtype=torch.float64))
    u, v = Q.T
    turn = torch.tensor(angle, dtype=torch.float64)
    return torch.stack([3.0 * u, short * (turn.cos() * u + turn.sin() * v)])


CONFLICT, HARMONY = rows(2.2), rows(0.9)


def aggregate(name: str, J: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cvxpy's advice on how to pose problems, to torchjd
        return build(name, {})(J)


def test_the_catalogue_is_torchjds() -> None:
    known = {
        name
        for name in importlib.import_module("torchjd.aggregation").__all__
        if issubclass(kind := getattr(aggregation, name), aggregation.Aggregator) and not kind.__subclasses__()
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
@pytest.mark.parametrize("short", [1.0, 1e-1, 1e-2, 1e-3])
def test_what_must_not_conflict_does_not_whichever_row_is_shorter(name: str, short: float) -> None:
    """With torchjd's own ridge UPGrad and DualProj go against a row 30 times shorter, at a cosine of -0.05 to -0.6."""
    for seed in range(5):
        J = rows(2.0 + 0.2 * seed, seed, short)
        found = aggregate(name, J.float()).double()
        assert (J @ found >= -2e-3 * J.norm(dim=1) * found.norm()).all()


@pytest.mark.parametrize("short", [1.0, 1e-1, 1e-2])
def test_upgrad_of_two_rows_is_half_of_pcgrad(short: float) -> None:
    for seed in range(5):
        J = rows(1.0 + 0.4 * seed, seed, short)
        torch.testing.assert_close(2 * aggregate("UPGrad", J), aggregate("PCGrad", J), rtol=1e-3, atol=1e-4)


def test_torchjds_own_ridge_goes_against_the_shorter_row() -> None:
    """The negative control: why a projector is passed."""
    J = rows(2.2, short=0.03)
    for name in ("UPGrad", "DualProj"):
        found = getattr(aggregation, name)()(J)
        assert J[1] @ found < -0.1 * J[1].norm() * found.norm()


@pytest.mark.parametrize("unit", [1e-12, 1e-4, 3e-3, 1e4])
@pytest.mark.parametrize("name", sorted(AGGREGATORS.keys() - {"NashMTL", "ExcessMTL", "PCD"}))
def test_the_direction_is_the_same_in_any_unit(name: str, unit: float) -> None:
    """Bargains are the same vector, all others scale with the rows; torchjd sees zeros below a norm of 0.01."""
    J = CONFLICT.float()
    torch.manual_seed(0)
    expected = aggregate(name, J) * (1.0 if name in {"FairGrad", "MUNBa"} else unit)
    torch.manual_seed(0)
    torch.testing.assert_close(aggregate(name, J * unit), expected, rtol=1e-3, atol=1e-3 * float(expected.norm()))


@pytest.mark.parametrize("name", sorted(AGGREGATORS.keys() - {"NashMTL"}))
def test_rows_that_are_no_numbers_stay_none_and_zeros_stay_zero(name: str) -> None:
    J = CONFLICT.float()
    assert aggregate(name, J * float("nan")).isnan().any()
    assert not aggregate(name, 0 * J).any()


@pytest.mark.parametrize("name", ["UPGrad", "DualProj", "CAGrad"])
@pytest.mark.parametrize("angle", [0.0, 1e-4, torch.pi - 1e-4, torch.pi])
def test_parallel_rows_are_no_trouble_to_the_solver(name: str, angle: float) -> None:
    """Their Gram matrix is singular, and in float32 it may have a negative eigenvalue, below the ridge."""
    for seed in range(3):
        assert torch.isfinite(aggregate(name, rows(angle, seed, short=3.0 * 0.7**seed).float())).all()


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
        with pytest.raises(UsageError, match=r"gsu-cli\[solvers\].*or take MUNBa, the closed form"):
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


@pytest.mark.parametrize("aggregator", ["UPGrad", "DualProj"])
def test_no_step_goes_against_a_batchs_own_gradient(aggregator: str) -> None:
    per_step = run(TorchJd(aggregator, steps=20, log_every=20))[1].details["per_step"]
    assert min(*per_step["along_forget"], *per_step["along_retain"]) > -1e-5


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
        ({"aggregator": "CAGrad", "options": {"c": float("nan")}}, "options.c.*finite number.*nan"),
        ({"aggregator": "CAGrad", "options": {"c": "0.4"}}, "options.c.*finite number.*0.4"),
        ({"aggregator": "CAGrad", "options": {"c": None}}, "options.c.*finite number"),
        ({"aggregator": "CAGrad", "options": "c"}, "method.options.*by name.*c"),
        ({"aggregator": "MGDA", "options": {"max_iters": 1.5}}, "options.max_iters.*integer.*1.5"),
        ({"aggregator": "MGDA", "options": {"epsilon": 0}}, "method.options.*MGDA.*positive"),
        ({"aggregator": "AlignedMTL", "options": {"scale_mode": "max"}}, "options.scale_mode.*min, median, rmse.*max"),
        ({"aggregator": "GradDrop", "options": {"f": "sigmoid"}}, "method.options.*GradDrop.*f.*leak"),
        ({"aggregator": "UPGrad", "options": {"projector": 1}}, "method.options.*UPGrad.*projector.*pref_vector"),
        ({"aggregator": "PCD", "options": {"tau": 2.0}}, r"method.options.*PCD.*\[0, 1\]"),
        ({"aggregator": "PCD", "options": {"tau": [0.1, 0.2]}}, "method.options.*PCD.*tau"),
        ({"aggregator": "FairGrad", "options": {"alpha": "1"}}, "options.alpha.*finite number"),
        ({"aggregator": "Mean", "options": {"weights": [1, 1]}}, "method.options.*Mean.*weights.*none"),
        ({"steps": 0}, "method.steps"),
    ],
)
def test_bad_options(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        module.TorchJd(**options)


LISTS = {"UPGrad": "pref_vector", "DualProj": "pref_vector", "AlignedMTL": "pref_vector", "ConFIG": "pref_vector"}
LISTS |= {"Constant": "weights", "GradDrop": "leak"}


@pytest.mark.parametrize(("aggregator", "option"), LISTS.items())
@pytest.mark.parametrize(
    "bad", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], [], 1.0, "12", [1, "2"], [1, True], [1, float("inf")]]
)
def test_lists_that_do_not_suit_two_rows_are_found_before_the_run(aggregator: str, option: str, bad: object) -> None:
    with pytest.raises(UsageError, match=f"method.options.*{option}"):
        TorchJd(aggregator, {option: bad})


@pytest.mark.parametrize(("aggregator", "option"), LISTS.items())
def test_lists_become_tensors_and_count(aggregator: str, option: str) -> None:
    J = HARMONY.float()
    torch.manual_seed(0)
    plain = build(aggregator, {})(J)
    torch.manual_seed(0)
    found = build(aggregator, {option: [1, 0.25]})(J)
    assert found.dtype == J.dtype
    assert not torch.allclose(found, plain)
    if aggregator in {"UPGrad", "DualProj", "Constant"}:  # rows in harmony are left as they are
        torch.testing.assert_close(found, J[0] + 0.25 * J[1], rtol=1e-4, atol=1e-5)


def test_one_number_or_one_for_each_secondary_row() -> None:
    J = CONFLICT.float()
    torch.testing.assert_close(build("PCD", {"tau": [0.3]})(J), build("PCD", {"tau": 0.3})(J))


def test_a_run_that_diverges_says_so() -> None:
    for aggregator in ("UPGrad", "IMTLG"):
        with pytest.raises(NonFiniteError, match="lr"):
            run(TorchJd(aggregator, lr=1e12, steps=20, optimiser="sgd"))
