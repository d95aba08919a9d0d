"""Fisher surgery of a model that has no loss of an image, a GAN: a few re-linearised steps among its own samples.

    J(theta) = L_f(theta) + mu L_r(theta),   (G_f + mu G_r + eps) d = -grad J,   theta <- theta + t d,

``L_f`` the redirect loss of `objectives.own_samples`, ``L_r`` the mean square drift of retained samples at equal noise,
``G_f`` and ``G_r`` their Gauss-Newton curvature, solved by a few conjugate gradients that the Kronecker-factored Fisher
of retained samples preconditions. ``mu`` is what makes the first step cost the budget; ``t`` of 1, a half, a quarter
lowers ``J`` most. From the second step on the drift of the one before is part of what is lowered.

The budget is counted on samples that no step is taken on: those that are held in place drift less than others. It is
the drift of images. ``L_r`` also has how far outputs lie beyond black and white, which nobody sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.curvature.gauss_newton import site_gauss_newton
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.models.frozen import generating
from gsu_cli.objectives.own_samples import (
    REDIRECTED,
    OwnSamples,
    drift,
    generated_from,
    own_samples,
    redirected_samples,
)
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.run.seeds import generator
from gsu_cli.solvers.fisher_solver import FLOOR
from gsu_cli.surgery.devices import share_of
from gsu_cli.surgery.gauss_newton import krylov
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import VectorLike, add_scaled, norm, scale
from gsu_cli.unlearning.classes import check_recognisable
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.labeller import Labeller, train_class_labeller, train_labeller
from gsu_cli.unlearning.weights import add_

LABELLER_IMAGES = 2_000  # of each part, at most
LENGTHS = (1.0, 0.5, 0.25, 0.125, 0.0625)  # of a step
CHECKED = 1_000  # fresh samples: what the labeller still finds, and how far the others drift, which a budget counts


@dataclass(frozen=True)
class _Losses:
    """What steps lower, and what they may cost.

    Attributes:
        goal: the redirect loss.
        cost: the drift of retained samples, to which ``variance`` is added.
        variance: of retained samples, of which a budget is a share.
        counted: retained samples that no step is taken on, whose drift a budget counts.
    """

    goal: SiteLoss
    cost: SiteLoss
    variance: float
    counted: OwnSamples

    def drift(self, model: Any, theta: VectorLike) -> float:
        """Of the counted samples at weights ``theta``, a share of their variance."""
        return drift(generated_from(model, self.counted.noise, theta), self.counted.images, self.counted.variance())


@dataclass(frozen=True)
class OwnSurgery:
    """The steps of one run; options as those of `FisherSurgery`.

    Attributes:
        budget: largest drift of retained samples that no step is taken on, as a share of their variance.
        shots: steps.
        damping: of the preconditioner, in mean eigenvalues of each layer's Fisher.
        iterations: of conjugate gradients.
        curvature_images: retained samples on which curvature is taken, at most; of those to forget half as many.
        retain_images: retained samples for the Fisher, at most.
        forget_images: samples to be redirected, at most.
        budget_images: retained samples that the steps hold in place, at most.
        bank_images: samples among which both are found, and targets.
    """

    budget: float
    shots: int
    damping: float
    iterations: int
    curvature_images: int
    retain_images: int
    forget_images: int
    budget_images: int
    bank_images: int

    def __call__(self, task: Task) -> Update:
        check_recognisable(task.split, "fisher_surgery")
        model, spent = task.model, Cost()
        names = generating(model)
        labeller, samples = task.shared.once(
            "own samples", lambda: self._samples(task, spent), spent, bank=self.bank_images
        )
        fresh = _fresh(task, labeller)
        with task.stage("objective"):
            found = redirected_samples(samples, self.forget_images)
            kept = samples.kept()
            variance = kept.variance()
            goal = SiteLoss(model, found.sites, "the redirect loss")
            # what a budget is a share of stands in the loss from the start, so that it is never 0
            cost = SiteLoss(model, kept.at(slice(self.budget_images)).sites(extra=variance), "the drift")
            losses = _Losses(goal, cost, variance, _counted(fresh))
        update, log, mu = Update("fisher_surgery", self.shots), list[dict[str, Any]](), None
        before = goal.mean(parameters(model, names))
        with task.stage("statistics"):  # once: it guides, the curvature of each step is exact
            statistics = kept.at(slice(self.retain_images)).sites()
            fisher = kronecker_fisher(model, statistics, names, seed=task.stream("fisher"))
        for shot in range(self.shots):
            with task.stage("step"):
                mu = self._step(task, losses, fisher, mu, log)
            task.on_progress(shot + 1, self.shots, log[-1]["redirect_loss"])
            if log[-1]["step"] == 0:
                break
        update.shots = sum(entry["step"] > 0 for entry in log)
        n_f, n_b = len(goal), len(cost)
        products = min(self.curvature_images, n_b) + min(max(self.curvature_images // 2, 1), n_f)
        spent.gradients += len(log) * (n_f + n_b)
        spent.double_backward += len(log) * self.iterations * products
        spent.fisher += len(statistics)
        spent.generated += 2 * CHECKED + len(losses.counted.images) * sum(entry["evaluations"] for entry in log)
        spent.forward += (n_f + n_b) * sum(entry["evaluations"] for entry in log)
        now = generated_from(model, fresh.noise)
        update.details = {
            "budget": self.budget,
            "budget_spent": log[-1]["relative_increase"],
            "retain_cost": {
                "unit": "share of the variance",
                "words": "drift of retained samples",
                "fresh": {"value": log[-1]["relative_increase"], "images": len(losses.counted.images)},
            },
            "redirect_loss": {"before": before, "after": log[-1]["redirect_loss"]},
            "target": {"kind": "own samples", "clean_fraction": found.clean_fraction, "distance": found.distance},
            "labelled": {"before": share_of(samples.shows), "after": share_of(labeller.odds(now) > REDIRECTED)},
            "images": {
                "retain": len(statistics),
                "forget": n_f,
                "held": n_b,
                "budget": len(losses.counted.images),
                "bank": self.bank_images,
            },
            "shots": log,
            "solver": "gauss_newton",
            "labeller": labeller.record(),
            "cost": spent.record(len(task.split.dataset.train)),
        }
        return update

    def _samples(self, task: Task, spent: Cost) -> tuple[Labeller, OwnSamples]:
        """The original's, with the odds of what is to be forgotten, and whose odds they are."""
        spent.generated += self.bank_images
        with task.stage("labeller"):
            whole = bool(task.split.target_classes)
            labeller = train_class_labeller(task, spent) if whole else train_labeller(task, spent, most=LABELLER_IMAGES)
        with task.stage("objective"):
            return labeller, own_samples(task.model, self.bank_images, labeller.odds, seed=task.stream("own samples"))

    def _step(
        self,
        task: Task,
        losses: _Losses,
        fisher: KroneckerFisher,
        mu: float | None,
        log: list[dict[str, Any]],
    ) -> float:
        """Takes one step and notes it; returns ``mu``, which the first step chooses."""
        goal, cost, variance = losses.goal, losses.cost, losses.variance
        theta = {k: v.clone() for k, v in parameters(task.model, generating(task.model)).items()}
        g_f, g_r = (accumulate_gradient(loss.blocks(), theta) for loss in (goal, cost))
        b = scale(g_f.vector, -1.0) if mu is None else add_scaled(scale(g_f.vector, -1.0), -mu, g_r.vector)
        span = krylov(
            b,
            site_gauss_newton(task.model, theta, goal.sites[: max(self.curvature_images // 2, 1)]),
            site_gauss_newton(task.model, theta, cost.sites[: self.curvature_images]),
            fisher.inverse(self.damping, damping_scope="layer").apply,
            budget=variance * self.budget,
            eps=FLOOR * fisher.mean_eigenvalue(),
            size=self.iterations,
        )
        mu = span.multiplier(variance * self.budget) if mu is None else mu
        d = span.direction(mu)
        here, tried, within = g_f.loss + mu * g_r.loss, 0, list[tuple[float, float, float, float]]()
        for length in LENGTHS:
            there, tried = add_scaled(theta, length, d), tried + 1
            f, r, moved = goal.mean(there), cost.mean(there), losses.drift(task.model, there)
            if moved <= self.budget and f + mu * r < here:
                within.append((f + mu * r, length, f, moved))
            if (within and within[-1][1] != length) or (len(within) > 1 and within[-1][0] > within[-2][0]):
                break  # shorter ones only get worse
        if not within and not log:
            raise UsageError(
                "a step must lower the redirect loss within the budget",
                found=f"none of {len(LENGTHS)} lengths that does",
                way_out="Raise method.budget, or forget more images at once",
            )
        _, step, f, moved = min(within, default=(here, 0.0, g_f.loss, log[-1]["relative_increase"] if log else 0.0))
        if step:
            add_(task.model, d, step)
        log.append(
            {
                "mu": mu,
                "chosen": True,
                "step": step * norm(d),
                "length": step,
                "redirect_loss": f,
                "relative_increase": moved,
                "evaluations": tried,
            }
        )
        return mu


def _fresh(task: Task, labeller: Labeller) -> OwnSamples:
    """Samples of the original that no step looks at: those that the steps hold in place drift less than others."""
    noise = task.model.noise(CHECKED, generator(task.stream("fresh samples")))
    images = generated_from(task.model, noise)
    return OwnSamples(noise, images, labeller.odds(images))


def _counted(fresh: OwnSamples) -> OwnSamples:
    """Those whose drift a budget counts.

    Raises:
        UsageError: fewer than two, which have no variance.
    """
    kept = fresh.kept()
    if len(kept.images) < 2:
        raise UsageError(
            "two samples at least must not show what is to be forgotten: a budget is counted on them",
            found=f"{len(kept.images)} of {len(fresh.images):,}",
            way_out="Forget what fewer samples of the model show",
        )
    return kept
