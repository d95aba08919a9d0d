"""Fisher surgery: one step that redirects, in the geometry of the retain set, as far as a budget allows.

    d = (F_r + lambda I)^-1 (-g),   theta = theta_0 + t d,

``g`` the gradient of the redirect loss, ``F_r`` the Kronecker-factored Fisher of the retain set in the weights that
generation depends on, ``lambda`` in units of each layer's mean eigenvalue, ``t`` the largest step that lifts the retain
-ELBO on training images by at most ``budget``. Of a few ``lambda`` the largest is taken whose step lowers the redirect
loss within 5 % as far as the best one's: equal by that measure, more damping keeps samples cleaner. Where the step
would raise the retain loss to first order, the retain gradient is projected out in the same geometry.

Of a convolutional decoder the Kronecker factors are a rough guide only, so there they precondition the exact problem,

    (G_f + mu G_r) d = -g,

``G_f`` and ``G_r`` the Gauss-Newton curvature of the redirect loss and of the retain loss, ``mu`` such that the step
costs the budget, solved in the subspace of a few conjugate gradients. Of an attribute, which latents tell nearly along
one direction, one of the layers that latents reach first is refitted in closed form: by the same curvature, nothing
behind it linearised (see `surgery.least_squares`). Of a whole class the last layer is refitted after the step, and a
VAE's encoder follows (see `solvers.auto_options`); where the model's own samples still show much of it, Newton's
ascent is tried (see `solvers.second_look`). docs/methods/fisher_surgery.md tells where each part comes from and what
it earns.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from gsu_cli.checks import as_choice, as_flag, as_int, as_number, as_share, is_number
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.decoders import check_maps_noise
from gsu_cli.models.protocols import Capability, HasDecoder, HasLatents, HasNoiseLevels, MapsNoise
from gsu_cli.objectives.targets import TARGETS
from gsu_cli.solvers.auto_options import (
    AUTO,
    DAMPING,
    expects,
    usual_damping,
    usual_encoder,
    usual_finish,
    usual_target,
)
from gsu_cli.solvers.denoiser import DenoiserSurgery
from gsu_cli.solvers.encoder_follows import ENCODERS, check_encoder
from gsu_cli.solvers.finish import FISHER_IMAGES
from gsu_cli.solvers.latent import LatentSurgery
from gsu_cli.solvers.options import READ, refuse_unread
from gsu_cli.solvers.own_choice import check_choosable
from gsu_cli.solvers.own_drift import check_drift
from gsu_cli.solvers.own_samples import OwnSurgery
from gsu_cli.solvers.solver_choice import CHOSEN, check_finish, chosen_solver
from gsu_cli.solvers.unseen import BOUNDS, check_bound, check_decoders

SOLVERS = ("auto", "kfac", "gauss_newton", "least_squares", CHOSEN)
DECODER_IMAGES = (4_000, 3_000, 3_000)  # for the Fisher and targets, the gradient, the budget
FINISHED_IMAGES = (10_000, 2_000, 3_000)  # the same where the last layer is refitted: the nearer a target, the better
LOSS_BUDGET, GAN_BUDGET = 0.01, 0.3  # a drift at the same noise is a sterner measure than a loss of images
GAN_SHOTS, GAN_IMAGES = 8, (500, 500, 800)
DENOISER_IMAGES = (250, 600, 500)  # a pass through a UNet costs as much as a hundred through a decoder


class FisherSurgery:
    """The default method. An option that the solver at hand does not read must have its usual value.

    Args:
        budget: largest relative raise of the retain loss on training images, 0.01 is 1 %; in (0, 1]. Of a GAN the
            largest drift of retained samples, as a share of their variance. None: 0.01, or 0.3 of a GAN.
        shots: steps; after each the redirect gradient and the Fisher are taken anew and the next part of the budget
            is spent. One shot is the method; more is an option. None: 1, or 8 of a GAN.
        damping: candidates for ``lambda``, in mean eigenvalues of each layer's Fisher; solvers other than "kfac", a
            diffusion model and a GAN take one. None: 0.1, 0.3 and 1, or 0.3 before a refit of the last layer; where one
            is taken 0.1.
        retain_images: at most, for statistics and targets; None: 4,000, or 10,000 where the last layer is refitted,
            of which 2,000 at most are in the statistics, or 250 of a diffusion model.
        forget_images: at most, for the gradient; None: 3,000, or 2,000 where the last layer is refitted, or 600.
        budget_images: at most, of those retained, on which the budget is measured; None: 3,000, or 500.
        ekfac: EK-FAC's eigenvalues, from a second pass over the statistics' images.
        target: what comes instead: "nearest", what is generated at a near retained latent; "discriminant", the same
            where a discriminant of training images sees nothing of what is to be forgotten (see `objectives.redirect`);
            "expected", what retained images show there (see `objectives.expected`);
            "alike", at the retained latent with the most similar image; "translate", at the same latent moved to where
            the attribute is not; "local", the same with the attribute's place filled from what is most alike elsewhere
            (see `objectives.local`); "auto", local for attributes, for classes expected where retained images lie at
            their latents (see `solvers.where_retained`), discriminant where the last layer is refitted, else nearest.
        solver: "kfac", the direction in the geometry of the Kronecker factors, one per damping; "gauss_newton", the
            exact problem, preconditioned with the first damping; "least_squares", one layer refitted in closed form;
            "chosen", of all these and Newton's ascent, or of the refits of an attribute, the one and the length after
            which the model's own samples show least of it (see `solvers.own_choice`); "auto", "least_squares" for
            attributes, else "gauss_newton" for convolutions and expected targets, else "kfac", and after one
            step with a refit of the last layer Newton's ascent where own samples show that it leaves far less (see
            `solvers.second_look`).
        iterations: of conjugate gradients, for "gauss_newton".
        curvature_images: retained ones, at most, for its products, and half as many of those to forget.
        layers: of how many, from the latents on, the deepest is chosen whose refit lowers the redirect loss within 5 %
            as far as the best one's, for "least_squares".
        pilot_images: of those of the budget, on which "least_squares" estimates what a trial costs; what it accepts is
            measured on all. 0: every trial is.
        noise_from: share of the noise levels at which a diffusion model is not redirected, from the least on.
        bank_images: training images, at most, among which a diffusion model's targets are means; of a GAN half as many
            samples, and half of ``curvature_images``.
        bound: ends a step also where the loss of the forgotten images has risen to what is expected of images never
            trained on: "leverage", as derived for single ones, "class_level", as for a class; "none"; "auto": the
            first for single samples and a fraction, and of a class the level is noted and tells an encoder that follows
            how much forgotten images weigh, but ends nothing.
        finish: of a decoder, share of the budget that is kept for its last layer, which is refitted in closed form
            where the step has left off (see `solvers.finish`); in (0, 0.95]. None: the step alone. "auto": 0.5 where
            one step by "kfac" forgets whole classes, that layer is ``Linear`` and 7,000 images are retained; else None.
        drift_budget: of a decoder, ends a step also where its own retained samples, at the same noise, have drifted by
            this share of their variance; in (0, 1]. None: the drift is not looked at.
        encoder: of a VAE, "kept" bit by bit, or "follows": it learns what the decoder's step changed, and the step
            goes on until the budget is spent again (see `solvers.encoder_follows`). "auto": "follows" where one step
            forgets whole classes and nothing but the budget ends it, else "kept" (see `solvers.auto_options`).
    """

    name = "fisher_surgery"
    strength = Strength("budget", 1e-3, 0.1, is_budget=True)

    def __init__(
        self,
        budget: float | None = None,
        shots: int | None = None,
        damping: float | Sequence[float] | None = None,
        retain_images: int | None = None,
        forget_images: int | None = None,
        budget_images: int | None = None,
        ekfac: bool = False,
        target: str = "auto",
        solver: str = "auto",
        iterations: int = 8,
        curvature_images: int = 1_000,
        layers: int = 2,
        pilot_images: int = 300,
        noise_from: float = 0.5,
        bank_images: int = 8_000,
        bound: str = "auto",
        drift_budget: float | None = None,
        finish: float | str | None = AUTO,
        encoder: str = AUTO,
    ) -> None:
        if shots is not None:
            as_int("method.shots", shots, 1)
        candidates = [damping] if isinstance(damping, int | float) else None if damping is None else list(damping)
        if candidates is not None and (not candidates or not all(is_number(c) and c > 0 for c in candidates)):
            raise UsageError("`method.damping` must be one or more finite numbers > 0", found=damping)
        sizes = {"retain_images": retain_images, "forget_images": forget_images, "budget_images": budget_images}
        for key, value in {**sizes, "bank_images": bank_images}.items():
            if value is not None:
                as_int(f"method.{key}", value, 2)
        as_number("method.noise_from", noise_from, least=0.0, most=0.99)
        share = None if budget is None else as_share("method.budget", budget)
        self.budget, self.shots = LOSS_BUDGET if share is None else share, shots or 1
        self.drift, self.gan_shots = GAN_BUDGET if share is None else share, shots or GAN_SHOTS
        self.drift_budget = None if drift_budget is None else as_share("method.drift_budget", drift_budget)
        shared = finish not in (None, AUTO)
        self.finish = as_number("method.finish", finish, more_than=0.0, most=0.95) if shared else finish
        self.damping = None if candidates is None else [float(c) for c in candidates]
        as_choice("method.target", target, TARGETS)
        as_choice("method.solver", solver, SOLVERS)
        as_choice("method.bound", bound, BOUNDS)
        self.encoder = as_choice("method.encoder", encoder, ENCODERS)
        as_int("method.iterations", iterations, 1)
        as_int("method.curvature_images", curvature_images, 2)
        as_int("method.layers", layers, 1)
        self.pilot_images = as_int("method.pilot_images", pilot_images, 0)
        self.ekfac, self.target, self.solver = as_flag("method.ekfac", ekfac), target, solver
        self.iterations, self.curvature_images, self.layers = iterations, curvature_images, layers
        self.retain_images, self.forget_images, self.budget_images = retain_images, forget_images, budget_images
        self.noise_from, self.bank_images, self.bound = float(noise_from), bank_images, bound

    @property
    def needs(self) -> tuple[Capability, ...]:
        """Options of latents need a decoder."""
        if self.target != "auto" or self.solver in ("least_squares", CHOSEN):
            return (HasDecoder,)
        if self.solver == "kfac":
            return (HasDecoder | HasNoiseLevels,)
        return (
            (HasDecoder | HasLatents,) if self.solver == "gauss_newton" else (HasDecoder | HasNoiseLevels | MapsNoise,)
        )

    @property
    def needed_by(self) -> str | None:
        """The option that `needs` comes from; None: all that the method can do runs on fewer models."""
        if self.target != "auto":
            return f"method.target={self.target}"
        return None if self.solver == "auto" else f"method.solver={self.solver}"

    def check_model(self, model: object) -> None:
        """Refuses a model that generates step by step, and options that are not read for ``model``.

        Which solver "auto" is for a decoder depends on what is to be forgotten, too: see `check_split`.

        Raises:
            UsageError: with the first of them.
            NotApplicableError: the network of a model without a decoder generates in more than one pass.
        """
        if isinstance(model, HasNoiseLevels):
            refuse_unread(self._typed(), "a diffusion model")
            check_decoders(self.bound)
        elif isinstance(model, MapsNoise):
            check_maps_noise(model)
            refuse_unread(self._typed(), "a GAN")
        elif self.solver != "auto":
            refuse_unread(self._typed(), f"solver={self.solver} of a decoder")

    def check_split(self, model: Any, split: Split) -> None:
        """Refuses options that the solver which "auto" stands for does not read.

        Raises:
            UsageError: with the first of them.
        """
        if self.solver == CHOSEN:
            check_choosable(split)
        check_bound(self.bound, split)
        check_drift(self.drift_budget, split)
        check_encoder(self.encoder, model, split, self.bound, self.drift_budget)
        typed = self._typed()
        if not typed or not isinstance(model, HasDecoder):
            return
        if self.solver == "auto":
            solver = chosen_solver(model, split, self._solver, self.layers)
            also = ("layers",) if split.target_attribute is not None else ()
            refuse_unread(typed, f"solver={solver} of a decoder", also)
        if isinstance(self.finish, float):
            check_finish(model, split)

    @property
    def _solver(self) -> str:
        """As typed; towards expected targets, by a factorised curvature, one step covers a third of the way."""
        return "gauss_newton" if (self.target, self.solver) == ("expected", AUTO) else self.solver

    def _typed(self) -> dict[str, object]:
        """Options that not every solver reads, where their value is not the usual one."""
        usual = inspect.signature(type(self)).parameters
        as_good = {"damping": list(DAMPING), "finish": None, "encoder": "kept"}  # where nothing reads them
        values = {key: getattr(self, key) for key in sorted({key for keys in READ.values() for key in keys})}
        return {k: v for k, v in values.items() if v != usual[k].default and v != as_good.get(k, usual[k].default)}

    def _sizes(self, usual: tuple[int, int, int]) -> tuple[int, int, int]:
        """Images for the Fisher, the gradient and the budget: as typed, or what is usual for the family."""
        typed = (self.retain_images, self.forget_images, self.budget_images)
        return tuple(n if t is None else t for t, n in zip(typed, usual, strict=True))  # type: ignore[return-value]

    def _denoiser(self) -> DenoiserSurgery:
        """The solver for a diffusion model."""
        sizes = self._sizes(DENOISER_IMAGES)
        options = (self.budget, self.shots, (self.damping or DAMPING)[0], self.ekfac)
        return DenoiserSurgery(*options, *sizes, self.bank_images, self.noise_from, self.bound)

    def __call__(self, task: Task) -> Update:
        self.check_model(task.model)
        self.check_split(task.model, task.split)
        if isinstance(task.model, HasNoiseLevels):
            return self._denoiser()(task)
        if isinstance(task.model, MapsNoise):
            sizes = (self.curvature_images // 2, *self._sizes(GAN_IMAGES), self.bank_images // 2)
            return OwnSurgery(self.drift, self.gan_shots, (self.damping or DAMPING)[0], self.iterations, *sizes)(task)
        return self._latent(task.model, task.split)(task)

    def _latent(self, model: Any, split: Split) -> LatentSurgery:
        """The solver for a decoder, where what is typed as "auto" has been decided."""
        finish, encoder = self.finish, self.encoder
        if isinstance(finish, str):
            finish = usual_finish(model, split, self._solver, self.layers, self.shots)
        if encoder == AUTO:
            encoder = usual_encoder(
                model,
                split,
                solver=self.solver,
                shots=self.shots,
                bound=self.bound,
                drift_budget=self.drift_budget,
            )
        damping = self.damping or usual_damping(chosen_solver(model, split, self._solver, self.layers), finish)
        target = usual_target(self.target, split, finish)
        options = (target, self._solver, self.iterations, self.curvature_images, self.layers, self.bound)
        sizes = self._sizes(DECODER_IMAGES if finish is None else FINISHED_IMAGES)
        latent = (self.budget, self.shots, damping, self.ekfac, *sizes, *options)
        may = expects(model, split, self.shots, typed=(self.target, self.solver, self.finish))
        may = may and (self.damping is None or len(self.damping) == 1)  # the exact problem takes one
        others = (None if finish is None else FISHER_IMAGES, may)
        return LatentSurgery(*latent, self.pilot_images, self.drift_budget, finish, encoder, *others)
