from __future__ import annotations

import pytest
import torch

import tiny_gan
import tiny_world
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import mean_loss
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.finetune import Finetune
from gsu_cli.methods.retrain import Retrain, train_from_scratch
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


def run(method, model=None, recipe=tiny_world.RECIPE):
    return unlearn(
        model or tiny_world.trained(),
        tiny_world.split(),
        method,
        generator=torch.Generator().manual_seed(0),
        recipe=recipe,
        diagnostics=False,
    )


def test_ascent_raises_the_forget_loss_by_the_squared_gradient():
    model, split, method, seen = tiny_world.trained(), tiny_world.split(), Ascent(lr=1e-4), {}

    def spy(task):
        seen["seed"] = task.stream("forget", 0)
        return method(task)

    moved, update = run(spy, model)
    before, after = (mean_loss(m, split.forget_images, seed=seen["seed"]) for m in (model, moved))
    assert after - before == pytest.approx(update.step_norm**2 / 1e-4, rel=0.05)  # eta |g_f|^2
    assert update.predicted == {}


def test_ascent_raises_the_loss_on_heldout_images_too():
    model, forget = tiny_world.trained(), tiny_world.split().heldout_forget_images
    moved, update = run(Ascent(lr=1e-2), model)
    assert mean_loss(moved, forget, seed=4) > mean_loss(model, forget, seed=4)
    assert update.realised["forget"] > 0


def test_ascent_in_two_shots_goes_further():
    one, two = (run(Ascent(lr=1e-2, shots=shots))[1] for shots in (1, 2))
    assert two.realised["forget"] > 1.5 * one.realised["forget"]


def test_ascent_that_blows_up_says_so():
    with pytest.raises(NonFiniteError):
        run(Ascent(lr=1e6))


def test_finetune_lowers_the_retain_loss_of_an_undertrained_model():
    model, split = tiny_world.fresh(), tiny_world.split()
    fit(model, tiny_world.dataset().train, Recipe(epochs=1, batch_size=64, lr=1e-3), seed=0)
    moved, update = run(Finetune(epochs=3, lr=1e-2, batch_size=64), model)
    before, after = (mean_loss(m, split.heldout_retain_images, seed=0) for m in (model, moved))
    assert after < before - 1
    assert len(update.details["losses"]) == 3
    assert update.shots == 3 * -(-split.n_retain // 64)


def test_retrain_is_training_on_the_retain_set():
    """What `gsu train` does with a forget spec: fresh weights, then the training loop on the retain set."""
    seen, split = {}, tiny_world.split()
    method = Retrain()

    def spy(task):
        seen["seed"] = task.stream("retrain")
        return method(task)

    retrained, update = run(spy)
    reference = tiny_world.fresh(seed=99)
    initialise(reference, seen["seed"])
    history = fit(reference, split.retain_images, tiny_world.RECIPE, seed=seen["seed"])
    assert same(weights(retrained), weights(reference))
    assert update.details["losses"] == history.losses
    assert update.shots == tiny_world.RECIPE.epochs


def test_retraining_forgets_where_it_started():
    models = tiny_world.trained(), tiny_world.fresh(7)
    for model in models:
        train_from_scratch(model, tiny_world.split(), Recipe(epochs=1, batch_size=64), seed=5)
    assert same(weights(models[0]), weights(models[1]))


def test_the_retrained_model_is_surprised_by_what_it_never_saw():
    retrained, _ = run(Retrain())
    forget = tiny_world.split().heldout_forget_images
    assert mean_loss(retrained, forget, seed=0) > 1.1 * mean_loss(tiny_world.trained(), forget, seed=0)


def test_retrain_needs_a_recipe():
    with pytest.raises(UsageError, match="training recipe.*gsu train"):
        run(Retrain(), recipe=None)


def test_a_module_without_reset_parameters_is_named():
    class Raw(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.zeros(1))

    with pytest.raises(UsageError, match=r"reset_parameters.*found 0\.w of Sequential"):
        initialise(torch.nn.Sequential(Raw()), 0)


def with_batch_norm():
    model = tiny_world.trained()
    width = next(m.out_features for m in reversed(model.encoder) if isinstance(m, torch.nn.Linear))
    model.encoder.append(torch.nn.BatchNorm1d(width))
    return model.eval()


@pytest.mark.parametrize(("method", "moves"), [(Finetune(batch_size=64), True), (Ascent(lr=1e-4), False)])
def test_statistics_of_batch_norm_move_under_what_trains_and_nowhere_else(method, moves):
    model = with_batch_norm()
    before = {k: v.clone() for k, v in model.named_buffers()}
    after = dict(run(method, model)[0].named_buffers())
    assert len(before) == 3
    assert any(not torch.equal(v, after[k]) for k, v in before.items()) == moves


def test_training_counts_what_each_network_looks_at():
    """Of a GAN three images a real one for two losses, both of the critic's differentiated again by its penalties."""
    for method in (Finetune(epochs=2, batch_size=100), Retrain(epochs=2)):
        n, whole = tiny_world.split().n_retain, len(tiny_world.dataset().train)
        cost = run(method, tiny_gan.fresh(), Recipe(1, 100, 1e-3))[1].details["cost"]
        assert [cost[key] for key in ("gradients", "double_backward", "generated")] == [6 * n, 4 * n, 2 * n]
        assert cost["gradient_evaluations_per_image"] == pytest.approx((6 + 8 + 2 / 3) * n / whole)
        plain = run(method, tiny_world.fresh(), Recipe(1, 100, 1e-3))[1].details["cost"]
        assert (plain["gradients"], plain["double_backward"]) == (2 * n, 0)


def test_a_count_follows_what_the_networks_compute():
    """The promise of `Dcgan.step_cost`: images that a critic sees, forward, in one step of one batch."""
    model, seen = tiny_gan.fresh(), []
    model.discriminator.register_forward_hook(lambda m, x, y: seen.append(len(y)))
    x = tiny_world.dataset().train.floats(torch.arange(7))
    model.losses(x, torch.zeros(7), torch.Generator().manual_seed(0))
    assert sum(seen) == 2 * 7  # real and generated; the generated ones are differentiated for both networks
    assert model.step_cost["gradients"] == 3
    assert tiny_gan.fresh(gamma=0.0).step_cost["double_backward"] == 0


def test_a_trainable_model_that_does_not_say_counts_a_gradient_for_each_loss():
    class Pair:
        def optimisers(self, recipe):
            return [None, None]

        def losses(self, x, y, generator):
            return []

    assert Cost.of_training(Pair(), Recipe(1, 1, 1e-3), 10) == Cost(gradients=20)
