"""What a method is: a callable that moves a copy of the original model, and says what it did.

A method sees the model, the split and a generator; never configs, paths, judges or evaluators. Its contract is stated
mathematically in CONTRIBUTING.md.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.methods.diagnostics import diagnose, enough
from gsu_cli.models.base import copied
from gsu_cli.models.protocols import NATS, lacking, loss_unit
from gsu_cli.run.seeds import derive
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.vectors import Vector, VectorLike, dot, norm
from gsu_cli.training.recipe import Recipe

SCOPES = ("all", "generator")
PARTS: tuple[Literal["forget"], Literal["retain"]] = ("forget", "retain")
LOWER = "Lower the step (method.lr or method.budget); the original checkpoint is untouched"
Stage = Callable[[str], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Task:
    """One unlearning problem.

    Attributes:
        model: to be moved in place; already a copy of the original.
        split: what to forget and what to retain.
        recipe: how the original was trained, for methods that train; None when its checkpoint does not say.
        seed: drawn from the generator given to `unlearn`; streams derive from it by name.
        stage: context manager that times a named part ("gradients", "statistics", "step") for the record.
        on_progress: called with (done, total, loss) in long loops.
        on_trial: called with one line of text after each run of a search for a strength.
    """

    model: Any
    split: Split
    recipe: Recipe | None
    seed: int
    stage: Stage
    on_progress: Callable[[int, int, float], None]
    on_trial: Callable[[str], None] = lambda _: None

    def stream(self, *names: str | int) -> int:
        """The seed of the random stream called ``names``."""
        return derive(self.seed, *names)


@dataclass
class Update:
    """What a method did, in numbers that need no judge. None where a quantity does not exist for the method.

    Attributes:
        method: its name.
        shots: how many times the weights moved (one-shot methods: 1).
        step_norm: |theta - theta_0|.
        relative_norm: step_norm / |theta_0| over the parameters the method may move.
        cosine: of g_f and g_r, the mean gradients of the training loss on forget and retain data.
        surviving_share: |d|^2 / |g_f|^2 in the method's geometry, d the projected direction.
        predicted: second-order change of the mean training loss, by part ("retain", "forget"), nats per image.
        realised: the measured change on the same images.
        details: the rest, by name; documented on the method's page.
    """

    method: str
    shots: int = 1
    step_norm: float | None = None
    relative_norm: float | None = None
    cosine: float | None = None
    surviving_share: float | None = None
    predicted: dict[str, float] = field(default_factory=dict)
    realised: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Strength:
    """The option that says how hard a method pushes; the protocol chooses it (docs/protocol.md).

    A method names it in a class attribute ``knob``; None there says that it has none.

    Attributes:
        option: the constructor's argument.
        low, high: where a search begins, in the unit of the option; it may go beyond on either side.
        power: where ``theta - theta_0`` grows like a power of the option along one direction, which power: losses
            along that ray then stand in for runs of the method until the last.
        stop_option: for a method that counts steps and stops by itself, the argument that takes the budget; it is run
            once, with ``option`` at ``high``.
        rate: for such a method, the option that is divided by ten where its very first steps are beyond the budget.
        is_budget: whether the option is itself a retain budget, so that the search begins there.
    """

    option: str
    low: float
    high: float
    power: float | None = None
    stop_option: str | None = None
    rate: str | None = None
    is_budget: bool = False


class Method(Protocol):
    """One file and one yaml each; the class names its `Strength` in ``knob``."""

    def __call__(self, task: Task) -> Update:
        """Moves ``task.model`` in place."""


def unlearn(
    model: Any,
    split: Split,
    method: Method,
    *,
    generator: torch.Generator,
    recipe: Recipe | None = None,
    stage: Stage | None = None,
    on_progress: Callable[[int, int, float], None] | None = None,
    on_trial: Callable[[str], None] | None = None,
    diagnostics: bool = True,
) -> tuple[Any, Update]:
    """Runs ``method`` on a copy of ``model``.

    Args:
        model: the original; untouched. The work is done on its device.
        split: forget, retain, held-out.
        method: any callable of the contract.
        generator: all of the method's randomness comes from one draw of it.
        recipe: how the original was trained.
        stage: times parts of the work: "unlearn" is the method and all that it needs, "diagnostics" comes after it;
            nothing is timed when None.
        on_progress: hears of long loops.
        on_trial: hears of each run of a search, one line.
        diagnostics: False leaves them out, for a search that unlearns many times.

    Returns:
        The unlearned model in eval mode, and what was done.

    Raises:
        NonFiniteError: weights became nan or infinite; the original is whole.
        UsageError: the model lacks what the method needs.
    """
    check_needs(method, model)
    seed = int(torch.randint(2**62, (), generator=generator))
    task = Task(
        model=copied(model).eval(),
        split=(split := split.to(device_of(model))),
        recipe=recipe,
        seed=seed,
        stage=stage or (lambda _: contextlib.nullcontext()),
        on_progress=on_progress or (lambda *_: None),
        on_trial=on_trial or (lambda _: None),
    )
    with task.stage("unlearn"), attention_with_all_derivatives():
        try:
            update = method(task)
        except NonFiniteError as e:
            if e.way_out:
                raise
            raise NonFiniteError(
                f"{e.rule} through {getattr(method, 'name', type(method).__name__)}", found=e.found, way_out=LOWER
            ) from e
    for name, p in task.model.named_parameters():
        if not torch.isfinite(p).all():
            raise NonFiniteError(
                f"the weights must stay finite through {update.method}",
                found=f"nan or inf in {name}",
                way_out=LOWER,
            )
    before = {k: p.detach() for k, p in model.named_parameters()}
    after = {k: p.detach() for k, p in task.model.named_parameters()}
    moved = {k: after[k] - before[k] for k in before}
    update.step_norm = norm(moved)
    touched = [k for k, v in moved.items() if bool(v.any())]
    length = norm({k: before[k] for k in touched})
    update.relative_norm = update.step_norm / length if length > 0 else 0.0
    if (unit := loss_unit(model)) != NATS:
        update.details["loss_unit"] = unit
    update.details["movement_per_layer"] = {
        k: float(v.norm() / before[k].norm().clamp(min=1e-12)) for k, v in moved.items()
    }
    if diagnostics:
        with task.stage("diagnostics"), attention_with_all_derivatives():
            n = enough(math.prod(split.dataset.shape))
            parts: dict[str, Images] = {
                part: draw_images(split, part, n, seed=task.stream("diagnostics", part)) for part in PARTS
            }
            update.details["diagnostics"] = diagnose(model, task.model, parts, seed=task.stream("diagnostics"))
    return task.model.eval(), update


def check_needs(method: object, model: object) -> None:
    """Refuses a method that ``model`` cannot serve: it names what it needs in a class attribute ``needs``.

    Raises:
        UsageError: with what the model lacks.
    """
    lacks = lacking(model, getattr(method, "needs", ()))
    if lacks:
        raise UsageError(
            f"`method={getattr(method, 'name', type(method).__name__)}` needs a model with {' and '.join(lacks)}",
            found=type(model).__name__,
            way_out="docs/diffusion.md says which methods run on a model without them",
        )


def attention_with_all_derivatives() -> contextlib.AbstractContextManager[None]:
    """Attention by plain matrix products for a while: its fused kernels have no second and no forward derivatives."""
    return sdpa_kernel(SDPBackend.MATH)


def names_in_scope(model: Any, scope: str) -> list[str]:
    """The parameters that a method may move: "all", or the "generator"'s, on which drawing depends."""
    return list(model.generation_parameters()) if scope == "generator" else [k for k, _ in model.named_parameters()]


@torch.no_grad()
def add_(model: Any, direction: VectorLike, step: float) -> None:
    """``theta <- theta + step * direction`` in place, for the parameters of ``direction``."""
    own = dict(model.named_parameters())
    for name, d in direction.items():
        own[name].add_(d, alpha=step)


def cosine(a: Vector, b: Vector) -> float | None:
    """cos(a, b); None where one of them is zero."""
    scale = norm(a) * norm(b)
    return dot(a, b) / scale if scale > 0 else None


def draw_images(split: Split, part: Literal["forget", "retain"], most: int, *, seed: int) -> Images:
    """All training images of a part, or a random ``most`` of them, in random order."""
    index = split.forget if part == "forget" else split.retain
    order = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed % 2**63))
    return split.dataset.train[index[order[:most]]]
