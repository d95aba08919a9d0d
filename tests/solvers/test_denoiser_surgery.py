"""Fisher surgery of a diffusion model: targets, statistics, the budget, and that it forgets."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tiny_diffusion
import tiny_world
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import image_losses, mean_loss, parameters
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.objectives.denoise import FEW, Bank, bank_posterior, mean_image, noised_sites, redirected
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.solvers.bookkeeping import foresee, quadratic
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.denoiser import DenoiserSurgery
from gsu_cli.surgery.layers import has_factors
from gsu_cli.unlearning import images
from gsu_cli.unlearning.images import first
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import uprightness

SMALL: dict[str, Any] = {"damping": 0.3, "bank_images": 600}


def run(method: FisherSurgery, seed: int = 0) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    return unlearn(tiny_diffusion.trained(), tiny_world.split(), method, generator=generator, diagnostics=False)


def test_fixed_sites_are_the_training_loss() -> None:
    model, images = tiny_diffusion.trained(), tiny_world.dataset().train
    frozen = SiteLoss(model, noised_sites(model, images, seed=3))
    assert frozen.mean(parameters(model)) == pytest.approx(mean_loss(model, images, seed=3), rel=1e-6)
    theta = {k: v + 0.01 for k, v in parameters(model).items()}
    assert frozen.mean(theta) == pytest.approx(mean_loss(model, images, seed=3, theta=theta), rel=1e-6)
    each = torch.cat([f(parameters(model)) for f in frozen.blocks()])
    torch.testing.assert_close(each.detach(), image_losses(model, images, seed=3))


def test_sites_from_a_level_on_have_no_less_noise() -> None:
    model = tiny_diffusion.fresh()
    sites = noised_sites(model, tiny_world.dataset().train, seed=0, start=20)
    assert (int(sites.inputs[1].min()), int(sites.inputs[1].max())) == (20, 49)


def test_the_posterior_over_a_bank_is_bayes_rule() -> None:
    model = tiny_diffusion.fresh()
    bank = 2 * torch.rand(7, 64, dtype=torch.float64) - 1
    t = torch.tensor([0, 10, 30, 49])
    x_t = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    found = torch.softmax(bank_posterior(model, x_t, t, bank), 1)
    for i in range(4):
        a, s = (float(level[i]) for level in model.levels(t))
        log_p = torch.stack([-((x_t[i].flatten() - a * m) ** 2).sum() / (2 * s**2) for m in bank])
        torch.testing.assert_close(found[i], torch.softmax(log_p, 0), rtol=1e-6, atol=1e-9)


def test_targets_are_what_a_model_of_the_retained_data_would_say() -> None:
    """With a model that is the exact posterior mean of the bank, the correction gives that of the retained part."""
    model, split = tiny_diffusion.fresh(), tiny_world.split()
    bank = Bank.of(split, 300, seed=0)
    retained, labels = bank.retained, bank.images.labels
    m = 2 * bank.images.floats().flatten(1) - 1

    def of(part: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return (torch.softmax(bank_posterior(model, x, t, part), 1) @ part).view_as(x)

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return model.output_for(x, t, of(m, x, t))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.network, "forward", exact)
        found = redirected(model, split.forget_images, bank, seed=0, start=15)
    sites = found.sites
    x_t, t = sites.inputs
    wanted = of(m[retained], x_t, t)
    torch.testing.assert_close(model.denoised(x_t, t, sites.targets), wanted, atol=2e-3, rtol=1e-3)
    assert 0.3 < found.forgotten <= 1.0, "the noised images are mostly those to be forgotten"
    assert found.clamped == pytest.approx(0.0, abs=1e-6)
    assert bool(retained[labels != 1].all())
    assert not retained[labels == 1].any()


def test_weights_below_full_precision_change_no_bit_of_a_mean_image() -> None:
    torch.manual_seed(0)
    log_p, bank = 30 * torch.randn(40, 300), 2 * torch.rand(300, 50) - 1
    p = torch.softmax(log_p, 1)
    assert ((p > 0) & (p < torch.finfo(p.dtype).tiny)).any(), "there are some"
    assert torch.equal(mean_image(log_p, bank), p @ bank)


def test_a_bank_of_one_part_is_refused() -> None:
    model, split = tiny_diffusion.fresh(), tiny_world.split()
    bank = Bank(split.retain_images, torch.ones(len(split.retain_images), dtype=torch.bool))
    with pytest.raises(UsageError, match="the bank must hold images to forget and images to retain"):
        redirected(model, split.forget_images, bank, seed=0, start=0)


def test_a_bank_holds_the_few_that_are_forgotten_and_the_posterior_is_that_of_all_training_images() -> None:
    split = tiny_world.split_of(sample=[7, 11])
    n, model = len(split.dataset.train), tiny_diffusion.fresh()
    small, whole = Bank.of(split, 60, seed=0), Bank.of(split, n, seed=0)
    assert [int((~b.retained).sum()) for b in (small, whole)] == [2, 2]
    assert whole.log_odds == 0.0, "the natural proportion"
    assert math.exp(small.log_odds) * 2 / 58 == pytest.approx(2 / (n - 2))
    same = Bank(small.images, small.retained)
    shares = [redirected(model, split.forget_images, b, seed=0, start=45).forgotten for b in (small, whole, same)]
    assert abs(shares[0] - shares[1]) < abs(shares[2] - shares[1])
    assert Bank.of(tiny_world.split(), 300, seed=0).log_odds == 0.0, "a class is found by chance"


def test_one_image_is_redirected_at_many_levels_of_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    split = tiny_world.split_of(sample=[7])
    _, update = unlearn(tiny_diffusion.trained(), split, FisherSurgery(**SMALL), generator=generator, diagnostics=False)
    details = update.details
    assert details["images"]["forget"] == FEW
    assert details["budget_spent"] <= 0.01
    assert details["redirect_loss"]["after"] < details["redirect_loss"]["before"]


def test_factors_agree_with_a_naive_float64_reference() -> None:
    """Convolutions, linear layers and norms of a tiny UNet, against sums over explicit patches and locations."""
    model = tiny_diffusion.trained().double()
    images = tiny_world.dataset().train[torch.arange(12)]
    captured: dict[str, list[tuple[Tensor, Tensor]]] = {}
    inputs: list[tuple[Tensor, Tensor, Tensor]] = []
    forward = type(model.network).forward

    def watched(self: Any, x: Tensor, t: Tensor) -> Tensor:
        output = forward(self, x, t)
        inputs.append((x.detach(), t, output))
        return output

    floats = Images.batches

    def doubles(self: Images, size: int) -> Any:
        return ((x.double(), y) for x, y in floats(self, size))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Images, "batches", doubles)
        patch.setattr(type(model.network), "forward", watched)
        fisher = kronecker_fisher(model, images, seed=5)
    (x, t, _), generator = inputs[0], torch.Generator()
    assert len(x) == 12
    from gsu_cli.gradients import block_generator

    generator = block_generator(5, 0)
    model.times(12, generator)
    torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64)  # the noise of the images
    residual = torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64) * (2 / 64) ** 0.5
    layers = {k: m for k, m in model.network.named_modules() if has_factors(m)}
    for name, layer in layers.items():

        def hook(layer: nn.Module, args: tuple[Tensor], output: Tensor, name: str = name) -> None:
            output.retain_grad()
            captured.setdefault(name, []).append((args[0].detach(), output))

        layer.register_forward_hook(hook)
    output = model.network(x, t)
    (output * residual).sum().backward()
    assert {layer.scope.module for layer in fisher.layers} == set(layers)
    assert any(isinstance(m, nn.Conv2d) for m in layers.values())
    assert any(isinstance(m, nn.Linear) for m in layers.values())
    for found in fisher.layers:
        layer = layers[found.scope.module]
        ((a_in, out),) = captured[found.scope.module]
        assert out.grad is not None
        A = torch.zeros_like(found.A.squeeze(0) if found.A.ndim == 3 else found.A)
        G = torch.zeros_like(found.G.squeeze(0) if found.G.ndim == 3 else found.G)
        places = 0
        for n in range(12):
            if isinstance(layer, nn.Conv2d):
                padded = nn.functional.pad(a_in[n], [layer.padding[1]] * 2 + [layer.padding[0]] * 2)  # type: ignore[index]
                kh, kw = layer.kernel_size
                for i in range(out.shape[2]):
                    for j in range(out.shape[3]):
                        top, left = i * layer.stride[0], j * layer.stride[1]
                        patch_ = padded[:, top : top + kh, left : left + kw].flatten()
                        row = torch.cat([patch_, patch_.new_ones(1)])
                        g = out.grad[n, :, i, j]
                        A += torch.outer(row, row)
                        G += torch.outer(g, g)
                        places += 1
            else:
                row, g = torch.cat([a_in[n], a_in.new_ones(1)]), out.grad[n]
                A += torch.outer(row, row)
                G += torch.outer(g, g)
                places += 1
        torch.testing.assert_close(found.A.view_as(A), A / 12, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(found.G.view_as(G), G / places, rtol=1e-9, atol=1e-14)
    assert any("norm" in k for k in fisher.diagonal)


def test_the_fisher_is_the_curvature_of_the_loss() -> None:
    """Of the last layer the loss is quadratic: with one place per image the Kronecker form is exact in expectation."""
    model = tiny_diffusion.trained()
    images = tiny_world.dataset().train
    name = "network.head.bias"
    found = kronecker_fisher(model, images, [name], seed=0)
    (layer,) = found.layers
    # d loss / d b_c = 2 / d sum over places, so its curvature is 2 places / d
    expected = 2 * 16 / 64
    assert float(torch.diagonal(layer.eigenvalues.reshape(4, 1)).mean()) == pytest.approx(expected, rel=0.2)


def test_it_forgets_within_the_budget() -> None:
    original = tiny_diffusion.trained()
    model, update = run(FisherSurgery(budget=0.05, **SMALL))
    d = update.details
    assert d["solver"] == "kfac"
    assert d["images"] == {"retain": 250, "forget": 200, "budget": 400, "bank": 600}
    assert d["budget_spent"] <= 0.05
    (shot,) = d["shots"]
    assert 0 < shot["step"] <= shot["step_within_bounds"] == shot["step_within_budget"], "nothing else bounds it"
    assert shot["relative_increase"] <= 0.05, "at the longest step that was measured within the budget"
    assert d["redirect_loss"]["after"] < d["redirect_loss"]["before"]
    assert d["loss_unit"] == "MSE of v"
    assert update.realised["forget"] > 0
    assert update.predicted.keys() == update.realised.keys() == {"retain", "forget"}
    heldout = tiny_world.dataset().heldout
    rise = {}
    for label in (1, 3, 8):
        part = heldout[(heldout.labels == label).nonzero()[:, 0]]
        rise[label] = mean_loss(model, part, seed=1) / mean_loss(original, part, seed=1) - 1
    assert rise[1] > 2 * max(rise[3], rise[8], 0.0), rise
    noise = original.noise(200, torch.Generator().manual_seed(0))
    with torch.no_grad():
        before, after = original.generate(noise), model.generate(noise)

    assert float(uprightness(after).mean()) < float(uprightness(before).mean()), "fewer bars that stand"


def test_what_the_step_promises_is_the_second_order_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """By two gradients as by a product with the Hessian, whose curvature they miss by less than a hundredth."""
    seen = []

    def noted(update: Any, checks: Any, origin: Any, best: Candidate, shots: int, **options: Any) -> None:
        seen.append({part: quadratic(loss, origin, best.direction)[1] for part, loss in checks.items()})
        seen.append({part: best.step * p.slope for part, p in seen[0].items()})
        seen[0] = {part: p.change(best.step) for part, p in seen[0].items()}
        foresee(update, checks, origin, best, shots, **options)

    monkeypatch.setattr("gsu_cli.solvers.denoiser.foresee", noted)
    _, update = run(FisherSurgery(budget=0.05, **SMALL))
    (exact, straight) = seen
    for part, change in update.predicted.items():
        assert change != exact[part], "no product was taken"
        assert abs(change - exact[part]) < 0.01 * abs(exact[part] - straight[part])


def test_what_was_spent_is_measured_at_the_weights_that_stay() -> None:
    model, update = run(FisherSurgery(budget=0.05, **SMALL))
    original, split = tiny_diffusion.trained(), tiny_world.split()
    (shot,) = update.details["shots"]
    assert update.details["budget_spent"] == pytest.approx(shot["realised_increase"], abs=1e-6)
    assert update.details["images"]["budget"] == split.n_retain, "all of them, in some order"
    costs = [mean_loss(m, split.retain_images, seed=3) for m in (original, model)]
    assert update.details["budget_spent"] == pytest.approx(costs[1] / costs[0] - 1, abs=0.02)


def test_the_same_seed_gives_the_same_weights() -> None:
    one, other = (run(FisherSurgery(budget=0.02, **SMALL))[0] for _ in range(2))
    assert tiny_world.same(tiny_world.weights(one), tiny_world.weights(other))
    third, _ = run(FisherSurgery(budget=0.02, **SMALL), seed=1)
    assert not tiny_world.same(tiny_world.weights(one), tiny_world.weights(third))


def test_later_shots_spare_other_images_than_those_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, seen = DenoiserSurgery._spared, list[tuple[int, Tensor, Tensor]]()

    def noted(self: Any, task: Any, statistics: Images, cost: SiteLoss, shot: int) -> tuple[Images, SiteLoss]:
        kept, spared = asked(self, task, statistics, cost, shot)
        used = torch.cat([statistics.pixels, first(kept, 80).pixels]).flatten(1)
        seen.append((shot, used, spared.sites.targets))
        assert (len(kept), len(spared)) == (len(statistics), len(cost))
        return kept, spared

    monkeypatch.setattr(DenoiserSurgery, "_spared", noted)
    monkeypatch.setattr(images, "LEAST_OTHERS", 100)
    run(FisherSurgery(budget=0.04, shots=2, retain_images=80, budget_images=60, **SMALL))
    (_, whole, budget), (_, both, others) = seen
    assert len(whole.unique(dim=0)) == 80, "at the original there is nothing to fit"
    assert len(both.unique(dim=0)) == 160
    assert not torch.equal(budget, others)


def test_more_shots_spend_the_budget_in_parts() -> None:
    _, update = run(FisherSurgery(budget=0.04, shots=2, **SMALL))
    raises = [c["realised_increase"] for c in update.details["shots"] if c["chosen"]]
    assert len(raises) == 2
    assert update.details["budget_spent"] <= 0.04
    assert update.predicted == {}


@pytest.mark.parametrize("option", [{"solver": "gauss_newton"}, {"target": "nearest"}, {"solver": "least_squares"}])
def test_options_of_latents_are_refused(option: dict[str, str]) -> None:
    ((key, value),) = option.items()
    with pytest.raises(
        UsageError,
        match=rf"`method.{key}={value}` needs a model with (either )?posterior\(\), decoder and likelihood"
        r"(, or latents.*)?; found Ddpm",
    ):
        run(FisherSurgery(**option, **SMALL))


@pytest.mark.parametrize("option", [{"iterations": 3}, {"curvature_images": 40}, {"layers": 1}])
def test_options_that_change_nothing_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(
        UsageError, match=r"`method.\w+` must be left out with a diffusion model, which does not read it"
    ):
        run(FisherSurgery(**option, **SMALL))


def test_the_record_counts_the_bank() -> None:
    n = len(tiny_world.split().dataset.train)
    assert n < 5_000
    update = run(FisherSurgery(**{**SMALL, "bank_images": 5_000}))[1]
    assert update.details["images"]["bank"] == n


def test_one_damping_is_read() -> None:
    with pytest.raises(
        UsageError, match=r"`method.damping` must be one number with a diffusion model; found \[0.3, 1.0\]"
    ):
        run(FisherSurgery(**{**SMALL, "damping": [0.3, 1]}))


def test_a_model_with_neither_latents_nor_noise_levels_is_refused() -> None:
    class Plain(nn.Module):
        shape = (1, 8, 8)

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1, 1, 8, 8))

        def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
            return (x - self.w).square().flatten(1).mean(1)

        def generation_parameters(self) -> list[str]:
            return ["w"]

    with pytest.raises(UsageError, match=r"`method=fisher_surgery` needs a model with (either )?posterior\(\), dec"):
        unlearn(Plain(), tiny_world.split(), FisherSurgery(), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"noise_from": 1.0}, "`method.noise_from` must be a finite number >= 0 and <= 0.99; found 1.0"),
        ({"noise_from": "high"}, "`method.noise_from` must be a finite number"),
        ({"bank_images": 1}, "`method.bank_images` must be an integer >= 2; found 1"),
    ],
)
def test_bad_options(option: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        FisherSurgery(**option)
    assert message in str(error.value)


def test_the_original_is_untouched() -> None:
    original = tiny_diffusion.trained()
    kept = copy.deepcopy(original.state_dict())
    unlearn(
        original,
        tiny_world.split(),
        FisherSurgery(**SMALL),
        generator=torch.Generator().manual_seed(0),
        diagnostics=False,
    )
    assert tiny_world.same(kept, original.state_dict())
