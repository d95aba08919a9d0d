from __future__ import annotations

import pytest
import torch

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.uno import Uno, cosine_squared
from gsu_cli.unlearning.descent import Descent
from method_runs import assert_smoke, run


def test_smoke():
    _, update = assert_smoke(Uno(steps=3, lr=1e-4, log_every=1))
    assert len(update.details["per_step"]["cosine"]) == 3
    assert update.details["cost"]["double_backward"] > 0


def test_every_differentiated_image_is_counted_once_more():
    _, update = run(Uno(steps=3, batch_size=64))
    parts = tiny_world.split()
    assert update.details["cost"]["double_backward"] == 3 * (min(64, parts.n_forget) + min(64, parts.n_retain))


def test_the_penaltys_gradient_against_finite_differences():
    """Double backward through cos^2 of two gradients, in float64, along a random direction."""
    model = tiny_world.fresh().double()
    split = tiny_world.split()
    own = dict(model.named_parameters())
    names = list(own)
    x = {part: images.floats(torch.arange(6)).double() for part, images in
         (("f", split.forget_images), ("r", split.retain_images))}  # fmt: skip

    def penalty() -> torch.Tensor:
        gradients = []
        for images in x.values():
            noise = torch.Generator().manual_seed(1)
            loss = model.loss(images, None, noise).mean()
            g = torch.autograd.grad(loss, list(own.values()), create_graph=True)
            gradients.append(dict(zip(names, g, strict=True)))
        return cosine_squared(*gradients)

    analytic = torch.autograd.grad(penalty(), list(own.values()), materialize_grads=True)
    rng = torch.Generator().manual_seed(2)
    direction = [torch.randn(p.shape, generator=rng, dtype=torch.float64) for p in own.values()]
    slope = sum(float((g * d).sum()) for g, d in zip(analytic, direction, strict=True))
    values = []
    h = 1e-6
    for sign in (1, -2):
        with torch.no_grad():
            for p, d in zip(own.values(), direction, strict=True):
                p.add_(d, alpha=sign * h)
        values.append(float(penalty().detach()))
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(slope, rel=1e-4)


def test_the_cosine_of_known_vectors():
    a, b = {"w": torch.tensor([3.0, 0.0])}, {"w": torch.tensor([1.0, 1.0])}
    assert cosine_squared(a, b).item() == pytest.approx(0.5)
    assert cosine_squared(a, {"w": torch.zeros(2)}).item() == 0.0


def test_the_penalty_lowers_the_cosine_and_without_it_nothing_pushes():
    def last(weight):
        method = Uno(weight=weight, steps=25, lr=2e-3, batch_size=1000, log_every=25)
        return run(method, tiny_world.fresh())[1].details["per_step"]["cosine"][-1]

    assert last(1e4) < 0.5 * last(0.0)


def test_uno_s_alternates(monkeypatch):
    calls = []
    gradient = Descent.gradient

    def spy(self, part, *, create_graph=False):
        calls.append(create_graph)
        return gradient(self, part, create_graph=create_graph)

    monkeypatch.setattr(Descent, "gradient", spy)
    run(Uno(steps=4, alternate=True, lr=1e-4))
    assert calls == [True, True, False, False, True, True, False, False]


@pytest.mark.parametrize(
    "options", [{"weight": -1}, {"weight": float("inf")}, {"steps": 0}, {"scope": "decoder"}, {"alternate": "no"}]
)
def test_bad_options(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        Uno(**options)
