"""KLOM of several unlearned models: where the answer is known, where there is none, and by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.floor_ratio import ratio_to_floor
from gsu_cli.audit.klom import Klom
from gsu_cli.audit.klom_several import divergence
from gsu_cli.evaluation.intervals import normal
from memory_world import Memory, case, noise_split, value


def several(unlearned: list[Memory], retrained: int = 4) -> Case:
    """Retrained models that differ a little."""
    kept = noise_split().retain_images.floats()
    goals = [Audited(f"retrained {k}", Memory(kept, seed=k, blur=0.02), f"r {k}") for k in range(retrained)]
    own = [Audited(f"unlearned {k}", model, f"u {k}") for k, model in enumerate(unlearned)]
    found = case(0, 0)
    first = replace(own[0], name="unlearned")
    models = {"original": found.models["original"], "unlearned": first, "retrained": goals[0]}
    return replace(found, models=models, references=goals[1:], unlearned=own[1:], repeats=2)


def test_by_hand() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = (scale * torch.randn(4, 5, generator=rng).double() for scale in (1.0, 2.0))
    s, t = one.var(0).mean(), other.var(0).mean()
    p, q = (torch.distributions.Normal(L.mean(0), v.sqrt()) for L, v in ((one, s), (other, t)))
    found = divergence(one, other)
    assert torch.allclose(found.mean(), torch.distributions.kl_divergence(p, q).mean())
    without = [divergence(one[:, keep], other[:, keep]).mean() for keep in 1 - torch.eye(5).bool().int() > 0]
    assert torch.allclose(found.var() / 5, torch.stack(without).var(correction=0) * 4), "a jackknife's error"


def test_intervals_count_the_spread_that_divergences_are_counted_in() -> None:
    """Two models a little wider than four others, images of unequal spread; with spreads taken as known 0.83 each."""
    rng, a = torch.Generator().manual_seed(0), Audited("unlearned", None, "u")
    held: list[tuple[bool, bool]] = []

    def world(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        each = (0.7 * torch.randn(n, generator=rng).double()).exp()
        L = each * torch.randn(6, n, generator=rng).double() * torch.tensor([1, 1, 1, 1, 1.3, 1.3]).double()[:, None]
        here = torch.stack([divergence(L[4:], L[[i, j]]) for i in range(4) for j in range(i)]).mean(0)
        pairs = [([0, 1], [2, 3]), ([0, 2], [1, 3]), ([0, 3], [1, 2])]
        both = [divergence(L[x], L[y]) for one, other in pairs for x, y in ((one, other), (other, one))]
        return here, torch.stack(both).mean(0)

    whole = torch.tensor([[x.mean() for x in world(20_000)] for _ in range(8)]).mean(0)
    for _ in range(300):
        here, floor = world(100)
        low, high = normal(here)
        assert low is not None
        assert high is not None
        row = ratio_to_floor("floors", a, here, floor)
        if row.low is not None and row.high is not None:
            held.append((bool(low <= whole[0] <= high), bool(row.low <= whole[0] / whole[1] <= row.high)))
    assert len(held) > 280
    shares = torch.tensor(held).double().mean(0)
    assert (shares > 0.87).all(), shares


def test_models_that_never_saw_the_images_are_one_floor_away() -> None:
    kept = noise_split().retain_images.floats()
    found = Klom()(several([Memory(kept, seed=90 + k, blur=0.02) for k in range(2)]))
    floors = value(found, "floors_models_forgotten")
    assert floors.value == pytest.approx(1, abs=0.6)
    assert "Over 2 unlearned and 4 retrained models the loss of forgotten images is" in found.sentences[0]


def test_the_shift_counts_the_seeds_of_both_kinds_of_models() -> None:
    """Each model's level moves the loss of all images alike: over images alone the difference was known exactly."""
    found, rng, held, wide = (
        several([Memory(noise_split().retain_images.floats(), seed=9)] * 2),
        torch.Generator(),
        0,
        0,
    )
    rng.manual_seed(0)
    for _ in range(60):
        levels = torch.randn(6, 1, generator=rng) + 0.1 * torch.randn(6, 40, generator=rng)
        told = [replace(m, sha256=f"{m.name}") for m in (*found.unlearned, *found.references)]
        names = ["unlearned", told[0].name, "retrained", *(m.name for m in told[1:])]
        told = replace(found, unlearned=[told[0]], references=told[1:], _losses={})
        for name, losses in zip(names, levels.double(), strict=True):
            model = told.models.get(name)
            told._losses[name if model is None else model.sha256, "forgotten"] = losses
        shift = value(Klom()(told), "loss_shift_models_forgotten")
        assert shift.low is not None
        assert shift.high is not None
        held += shift.low <= 0 <= shift.high
        wide += shift.high - shift.low > 0.5
    assert held >= 55
    assert wide == 60


def test_models_that_know_the_images_are_many_floors_away_and_below() -> None:
    every = noise_split().dataset.train.floats()
    found = Klom()(several([Memory(every, seed=90 + k, blur=0.02) for k in range(2)]))
    floors, shift = value(found, "floors_models_forgotten"), value(found, "loss_shift_models_forgotten")
    assert floors.low is not None
    assert shift.high is not None
    assert floors.low > 20
    assert shift.high < 0


def test_too_few_models() -> None:
    every = Memory(noise_split().dataset.train.floats())
    found = Klom()(several([every, every], retrained=3))
    assert value(found, "klom_models_forgotten").reason == "needs 4 retrained models, found 3: references=4"
    alone = Klom()(several([every]))
    assert not [m for m in alone.measurements if "models" in m.name], "nobody asked for several"


@pytest.mark.parametrize(("same", "why"), [("retrained", "retraining"), ("unlearned", "unlearning")])
def test_models_of_one_loss_have_no_floor(same: str, why: str) -> None:
    """A closed form, or a method without chance: the ratio was one of clamped zeros."""
    kept = noise_split().retain_images.floats()
    one = Memory(kept, seed=90, blur=0.02)
    found = several([one, one if same == "unlearned" else Memory(kept, seed=91, blur=0.02)])
    if same == "retrained":
        goal = found.models["retrained"]
        found = replace(found, references=[replace(goal, sha256=f"r {k}") for k in range(1, 4)])
    result = Klom()(found)
    for name in ("klom_models_forgotten", "floors_models_forgotten"):
        assert value(result, name).reason == f"{why} with other seeds gives the same losses"
    shift = value(result, "loss_shift_models_forgotten")
    assert shift.value is not None
    assert f"How many floors that is cannot be said: {why}" in result.sentences[0]
