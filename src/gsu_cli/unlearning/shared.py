"""What runs of a method for one search have in common: worked out by the first, to the last bit the same for the rest.

A search for a strength runs a method many times from the same original with the same seed. Gradients and curvature at
the original, a labeller, targets do not depend on the strength. A method asks for them by name with `Shared.once`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from gsu_cli.unlearning.cost import Cost

T = TypeVar("T")


@dataclass
class Shared:
    """Kept while a search lasts; a run by itself keeps nothing.

    Attributes:
        keeps: whether there will be other runs.
        spared: what the present run did not have to work out.
    """

    keeps: bool = False
    spared: Cost = field(default_factory=Cost)
    _known: dict[tuple[str, str], tuple[Any, Cost]] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], T], cost: Cost | None = None, **options: object) -> T:
        """``make()``, or what it gave to an earlier run of the search; nobody may change it in place.

        Args:
            name: unlike any other of the method.
            make: depends on the original, the task's seed and ``options`` alone; adds to ``cost`` what it took.
            cost: of the run, which counts all that the method takes by itself.
            options: those of the method that ``make`` reads: a search may be for any of them.

        Example:
            >>> shared, cost = Shared(keeps=True), Cost()
            >>> def look():
            ...     cost.forward += 3
            ...     return "seen"
            >>> shared.once("look", look, cost), shared.once("look", look, cost), cost.forward, shared.spared.forward
            ('seen', 'seen', 6, 3)
        """
        if not self.keeps:
            return make()
        key = name, repr(sorted(options.items()))
        if key not in self._known:
            before = asdict(cost or Cost())
            value = make()
            self._known[key] = value, Cost(**{k: n - before[k] for k, n in asdict(cost or Cost()).items()})
            return value
        value, took = self._known[key]
        if cost is not None:
            cost.add(took)
        self.spared.add(took)
        return value

    def begin(self) -> None:
        """Another run of the search."""
        self.spared = Cost()
