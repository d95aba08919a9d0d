"""Any method at its largest strength within a retain budget: the rule by which methods are compared (docs/protocol.md).

    s* = max { s : [L_r(theta_s) - L_r(theta_0)] / |L_r(theta_0)| <= budget }

with ``theta_s`` the method's weights at strength ``s``. L_r is the training loss on retained *training* images, the
same images under the same noise for every method; no judge and no held-out image is asked. Every trial is a run of the
method on a copy of the original with the same seed, so the weights at ``s*`` are bit-identical to those of the method
run by itself at that strength.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict

from gsu_cli.checks import as_int, as_share
from gsu_cli.models.protocols import Capability
from gsu_cli.protocol.retain_cost import retain_cost
from gsu_cli.protocol.search import Search
from gsu_cli.protocol.trials import Known, Plan
from gsu_cli.unlearning.contract import Method, Strength, Task, Update
from gsu_cli.unlearning.images import CHECK_IMAGES


class Calibrated:
    """A method made ready for one budget.

    Args:
        make: builds the method, options by keyword; what is not named has the value of the config.
        strength: its option, and where to look.
        budget: largest relative raise of the retain loss on training images, 0.01 is 1 %.
        images: retained training images that the budget is measured on, at most.
        latents: of each of them.
        known: shared between the budgets of a curve.

    Raises:
        UsageError: the budget is not in (0, 1], or ``images`` or ``latents`` no integer >= 1.
    """

    def __init__(
        self,
        make: Callable[..., Method],
        strength: Strength,
        budget: float,
        *,
        images: int = CHECK_IMAGES,
        known: Known | None = None,
        latents: int = 1,
    ) -> None:
        made = make()
        self.name: str = getattr(made, "name", type(made).__name__)
        self.needs: tuple[Capability, ...] = getattr(made, "needs", ())
        self.needed_by: str | None = getattr(made, "needed_by", None)
        self.check_model: Callable[[object], None] | None = getattr(made, "check_model", None)
        self.check_split: Callable[[object, object], None] | None = getattr(made, "check_split", None)
        self.make, self.strength, self.budget = make, strength, as_share("protocol.budget", budget)
        as_int("protocol.images", images, 1)
        as_int("protocol.latents", latents, 1)
        self.images, self.latents, self.known = images, latents, known or Known()

    def __call__(self, task: Task) -> Update:
        started = time.perf_counter()
        with task.stage("retain_cost"):
            cost = retain_cost(task, self.images, self.latents)
        search = Search(Plan(self.name, self.make, self.strength, self.budget, self.known), task, cost)
        found = search.stopped() if self.strength.stop_option else search.largest()
        update = found.update
        if found.weights is not None:
            task.model.load_state_dict(found.weights)
        update.details["calibration"] = {
            "option": self.strength.option,
            "strength": found.strength,
            "rate": found.rate,
            "budget": self.budget,
            "relative_increase": found.relative_increase,
            "reason": found.reason,
            "trials": [asdict(t) for t in search.trials],
            "ray": [{"strength": s, "relative_increase": r if math.isfinite(r) else None} for s, r in search.along],
            "images": cost.n,
            "latents": cost.looks,
            "unit": cost.unit,
            "words": cost.words,
            "cost": search.cost(time.perf_counter() - started, found.strength),
        }
        return update
