"""What a method is: a callable that moves a copy of the original model, and says what it did.

A method sees the model, the split and a generator; never configs, paths, judges or evaluators. Its contract is stated
mathematically in CONTRIBUTING.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gsu_cli.data.split import Split
from gsu_cli.run.seeds import derive
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.shared import Shared

Stage = Callable[[str], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Task:
    """One unlearning problem.

    Attributes:
        model: to be moved in place; already a copy of the original.
        split: what to forget and what to retain.
        recipe: how the original was trained, for methods that train; None when its checkpoint does not say.
        seed: taken from the generator given to `unlearn`; streams derive from it by name.
        stage: context manager that times a named part ("gradients", "statistics", "step") for the record.
        on_progress: called with (done, total, loss) in long loops; None for a loss that nobody computed.
        on_trial: called with one line of text after each run of a search for a strength.
        trained_on: images that the original was trained on; None when its checkpoint does not say.
        shared: what does not depend on a strength, asked for by name; kept between the runs of a search.
        later: in a run of a search, what its record alone needs: done of the chosen run alone. None: at once.
    """

    model: Any
    split: Split
    recipe: Recipe | None
    seed: int
    stage: Stage
    on_progress: Callable[[int, int, float | None], None]
    on_trial: Callable[[str], None] = lambda _: None
    trained_on: int | None = None
    shared: Shared = field(default_factory=Shared)
    later: list[Callable[[], None]] | None = None

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

    A method names it in a class attribute ``strength``; None there says that it has none.

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


def method_name(method: object) -> str:
    """As records call it: its ``name``, or that of its class."""
    return str(getattr(method, "name", type(method).__name__))


class Method(Protocol):
    """One file and one yaml each; the class names its `Strength` in ``strength``."""

    def __call__(self, task: Task) -> Update:
        """Moves ``task.model`` in place."""
