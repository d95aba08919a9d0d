"""The search for the largest strength within a retain budget: trials of the method, and losses along a ray."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gsu_cli.errors import NonFiniteError
from gsu_cli.gradients import parameters
from gsu_cli.models.model import copied
from gsu_cli.protocol.retain_cost import RetainCost
from gsu_cli.protocol.trials import Found, Plan, Trial, evaluations
from gsu_cli.run.signed import signed
from gsu_cli.surgery.crossing import crossing, looked
from gsu_cli.surgery.laws import straight_line
from gsu_cli.surgery.steps import StepSearch, largest_step_within
from gsu_cli.surgery.vectors import add_scaled
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.shared import Shared

TOLERANCE = 0.05  # share of the budget that a search may leave unspent
OWN_BUDGET_TOLERANCE = 0.2  # the same below the protocol's budget for a method that spends one by itself
LEAST_ASKED = 0.01  # of its least strength: nearly 0, where a line says that even a budget of 0 is too much
MOST_ASKED = 3  # runs of a method that stops by itself
MOST_SLOWED = 3  # divisions of its rate by ten, where no step keeps the budget
MOST_TRIALS = 12  # runs of the method for one budget
LEAST_SLOPE = 1.0  # of a cost beyond all trials: one that has fallen so far grows faster further on
RAY_TRIALS = 16  # losses along the ray; each costs a forward pass over the images of the retain cost


class Search:
    """The trials of one budget.

    What a trial's record alone needs, as losses along its trajectory, is worked out for the chosen one alone.
    """

    def __init__(self, plan: Plan, task: Task, retain_cost: RetainCost) -> None:
        self.plan, self.task, self.retain_cost = plan, task, retain_cost
        self.trials: list[Trial] = []
        self.along: list[tuple[float, float]] = []
        self.best: Found | None = None
        self.later: tuple[Callable[[], None], ...] = ()  # of the last trial
        self.shared = Shared(keeps=True)

    def run(self, strength: float, options: Mapping[str, float]) -> tuple[Any, Update, float]:
        """Runs the method on a copy of the original: its weights, its update and the raise; appends the trial.

        Raises:
            NonFiniteError: weights or a loss are not finite.
        """
        rate = {k: v for k, v in options.items() if k == self.plan.strength.rate}
        trial, started = Trial(strength, rate=rate), time.perf_counter()
        self.trials.append(trial)
        self.shared.begin()
        task = replace(self.task, model=copied(self.task.model), shared=self.shared, later=[])
        try:
            update = self.plan.make(**options)(task)
            if self.plan.strength.stop_option:  # it stopped by itself
                trial.strength = update.shots
            trial.gradient_evaluations_per_image = evaluations(update)
            with self.task.stage("retain_cost"):
                increase = self.retain_cost.relative_increase(task.model.eval())
            trial.relative_increase, self.later = increase, tuple(task.later or ())
        except NonFiniteError as e:
            trial.error = str(e)
            raise
        finally:
            n = len(self.task.split.dataset.train)
            trial.shared_evaluations_per_image = self.shared.spared.record(n)["gradient_evaluations_per_image"]
            trial.seconds = round(time.perf_counter() - started, 4)
            self.task.on_trial(self.line(trial))
        return task.model, update, increase

    def line(self, trial: Trial) -> str:
        """What a reader who waits wants to know of a trial."""
        chosen = {self.plan.strength.option: trial.strength, **trial.rate}
        options = ", ".join(f"{k}={v:.3g}" for k, v in chosen.items())
        outcome = trial.error or f"{self.retain_cost.words} {signed(trial.relative_increase, '.2%')}"
        allowed = f"{self.plan.budget:.2%} allowed"
        return f"trial {len(self.trials)}: {options}, {outcome} ({allowed}), {trial.seconds:.0f} s"

    def stopped(self) -> Found:
        """A method that stops by itself where the budget is spent; asked for less where that is beyond it here."""
        s, budget, asked = self.plan.strength, self.plan.budget, self.plan.budget
        rate: dict[str, float] = {}
        left, slower = MOST_ASKED, MOST_SLOWED
        while left:
            try:
                model, update, increase = self.run(s.high, {s.option: s.high, str(s.stop_option): asked, **rate})
                failed = s.rate is not None and update.shots == 0
                if increase <= budget:
                    _do(self.later)
            except NonFiniteError:
                failed = True
            if failed and s.rate and slower:
                rate, slower = {s.rate: rate.get(s.rate, self.typed(s.rate)) / 10}, slower - 1
                continue
            left -= 1
            if failed:
                asked /= 10
            elif increase <= budget:
                return Found(update.shots, increase, update, model.state_dict(), self.unspent(update, increase), rate)
            else:
                asked *= (1 - TOLERANCE / 2) * budget / increase
        return self.nothing()

    def unspent(self, update: Update, increase: float) -> str | None:
        """Why a method that stops by itself left part of the budget; None where it did not."""
        s, budget = self.plan.strength, self.plan.budget
        if update.shots == s.high:
            return f"the budget was not spent within {s.option}={s.high:g}"
        beyond = update.details.get("stopped")
        if beyond is None or increase >= (1 - TOLERANCE) * budget:
            return None
        return (
            f"{increase / budget:.0%} of the budget is spent: the loss is looked at every few steps, and at the next "
            f"look, {s.option}={beyond}, it was beyond"
        )

    def typed(self, option: str) -> float:
        """The value of an option that the search does not choose."""
        return float(inspect.signature(self.plan.make).parameters[option].default)

    def largest(self) -> Found:
        """The largest strength within the budget that the trials lead to."""
        s, budget = self.plan.strength, self.plan.budget
        found = self.asked() if s.is_budget else self.looked_for()
        while found.step:
            if self.best is None or self.best.strength != found.step:
                self.increase_of(found.step)  # a trial of another budget, whose weights are gone
            try:
                _do(self.best.later if self.best else ())
                break
            except NonFiniteError as e:
                self.broke(found.step, str(e))
                found = self.looked_for()
        if self.best is None:
            return self.nothing()
        if not found.converged:
            self.best.reason = (
                f"the search for {s.option} ended with {self.best.relative_increase / budget:.0%} of the budget spent"
            )
        return self.best

    def broke(self, at: float, error: str) -> None:
        """Counts a trial as beyond the budget: a loss on its way was not finite, though its end was."""
        for trial in self.trials:
            if trial.strength == at:
                trial.relative_increase, trial.error = None, error
        self.plan.known.trials[:] = [(s, math.inf if s == at else r) for s, r in self.plan.known.trials]
        self.best = None

    def asked(self) -> StepSearch:
        """Of a method that spends a budget of its own, measured on other images."""
        s = self.plan.strength
        return largest_step_within(
            self.own_increase_of,
            self.plan.budget,
            low=s.low * LEAST_ASKED,
            high=s.high,
            guess=self.plan.budget,
            rel_tol=OWN_BUDGET_TOLERANCE,
            max_evaluations=MOST_TRIALS,
            law=straight_line,  # both are costs
        )

    def looked_for(self) -> StepSearch:
        """Of any other strength: a small one may lower the cost before a larger one raises it."""
        s, known = self.plan.strength, self.plan.known
        guess = self.ray() if s.power is not None else None
        if guess is not None:
            looked(self.increase_of, guess)
        return crossing(
            self.increase_of,
            self.plan.budget,
            low=s.low,
            high=s.high,
            rel_tol=TOLERANCE,
            known=known.trials,
            least=LEAST_SLOPE,
            looks=max(0, MOST_TRIALS - len(self.trials)),
        )

    def nothing(self) -> Found:
        """The original: no trial kept the budget."""
        reason = f"no {self.plan.strength.option} of {len(self.trials)} tried keeps the budget: nothing was changed"
        return Found(None, 0.0, Update(self.plan.name, shots=0), None, reason)

    def increase_of(self, strength: float) -> float:
        """The raise at a strength; keeps the weights of the largest within the budget."""
        trials = self.plan.known.trials
        try:
            model, update, increase = self.run(strength, {self.plan.strength.option: strength})
        except NonFiniteError:
            trials.append((strength, math.inf))
            raise
        trials.append((strength, increase))
        if increase <= self.plan.budget and (self.best is None or strength > (self.best.strength or 0.0)):
            self.best = Found(strength, increase, update, model.state_dict(), later=self.later)
        return increase

    def own_increase_of(self, budget: float) -> float:
        """The same for a method's own budget: once at the protocol's, it is asked for no more."""
        increase = self.increase_of(budget)
        return self.plan.budget if budget == self.plan.budget and increase <= budget else increase

    def ray(self) -> float | None:
        """A guess from losses along ``theta_0 + (s / s_0)^power (theta_{s_0} - theta_0)``; None where there is none."""
        s, known = self.plan.strength, self.plan.known
        theta = parameters(self.task.model)
        if known.ray is None:
            probe = math.sqrt(s.low * s.high)
            try:
                model, _, increase = self.run(probe, {s.option: probe})
            except NonFiniteError:
                known.trials.append((probe, math.inf))  # the search need not look there again
                return None
            known.trials.append((probe, increase))
            known.ray = probe, add_scaled(parameters(model), -1.0, theta)
        probe, d = known.ray

        def increase_of(strength: float) -> float:
            length = (strength / probe) ** float(s.power or 1.0)
            increase = self.retain_cost.relative_increase(self.task.model, add_scaled(theta, length, d))
            self.along.append((strength, increase))
            return increase

        with self.task.stage("retain_cost"):
            found = crossing(
                increase_of, self.plan.budget, low=s.low, high=s.high, rel_tol=TOLERANCE / 2, looks=RAY_TRIALS
            )
        return found.step or None

    def cost(self, seconds: float, chosen: float | None) -> dict[str, Any]:
        """What the search took, trials and the retain cost's forward passes, and what the chosen one took."""
        passes = len([t for t in self.trials if t.error is None]) + len(self.along) + 1
        own = [t.gradient_evaluations_per_image for t in self.trials if t.gradient_evaluations_per_image is not None]
        measured = passes * self.retain_cost.n * self.retain_cost.looks / 3 / len(self.task.split.dataset.train)
        final = next((t for t in reversed(self.trials) if t.strength == chosen), self.trials[-1])
        shared = sum(
            t.shared_evaluations_per_image for t in self.trials if t.gradient_evaluations_per_image is not None
        )
        broken = [t for t in self.trials if t.error is not None and t.gradient_evaluations_per_image is None]
        counted = len(own) + len(broken) == len(self.trials) and own  # broken trials count like the most expensive
        return {
            "seconds": round(seconds, 4),
            "gradient_evaluations_per_image": sum(own) - shared + len(broken) * max(own) + measured
            if counted
            else None,
            "final_seconds": final.seconds,
            "final_gradient_evaluations_per_image": final.gradient_evaluations_per_image,
        }


def _do(later: Sequence[Callable[[], None]]) -> None:
    for work in later:
        work()
