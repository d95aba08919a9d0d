"""What can be read from one record: a relative change, a level, a stage's seconds, a count of gradients.

A reading is a number or the reason why there is none; never both, never neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from gsu_cli.report.audit_titles import row_words
from gsu_cli.report.details import number
from gsu_cli.report.memo import memoised_of_all
from gsu_cli.report.numbers import PERCENT, Shift, change, shift
from gsu_cli.report.table import Column, Form
from gsu_cli.run.record import ROLES, Measurement, Place, Record, Role

LEFT_OUT = "trust"  # says more of judge and model than of the method; each run's own table has it


@dataclass(frozen=True)
class Reading:
    """A number, or the reason why there is none; of a change from near zero the difference, which is no such number."""

    value: float | None
    reason: str = ""
    shift: Shift | None = None


@dataclass(frozen=True)
class Quantity:
    """What to read from a record, and how to head its column.

    Attributes:
        kind: ``change`` from the original to ``subject``, relative; ``level`` of ``subject``; ``seconds`` of a stage;
            ``update``: a dotted number of ``record.update``.
        name: of the measurement, the stage, or the dotted number.
        judge: whose measurement.
        subject: whose weights: "original", "unlearned", "retrained".
        better: the direction that a practitioner wants.
        unit: of a level.
        role, place, label: as in its measurements.
        by: what the judge is called.
        one_unit: of measurements in other units there is none: losses of two families share no axis.
        head: of the column; made from the rest where empty.
        short: what `gsu report columns=` calls it; made from the rest where empty.
    """

    kind: Literal["change", "level", "seconds", "update"]
    name: str
    judge: str | None = None
    subject: str = "unlearned"
    better: Literal["lower", "higher"] | None = None
    unit: str = ""
    head: str = ""
    short: str = ""
    role: Role | None = None
    place: Place = "table"
    label: str = ""
    by: str = ""
    one_unit: bool = False

    @property
    def leads(self) -> bool:
        """Whether it stands in headlines and fronts."""
        return self.place == "lead"

    @property
    def title(self) -> str:
        """The head of its column."""
        if self.head:
            return self.head
        by = self.by or self.judge or ""
        text = self.label or row_words(self.name)
        text += f" ({by})" if by and self.unit == "share" else ""
        return text if self.subject == "unlearned" else f"{text}, {self.subject}"

    @property
    def key(self) -> str:
        """What `gsu report columns=` calls it: "feature_ratio.cnn", "seconds", "gradients"."""
        return self.short or (f"{self.name}.{self.judge}" if self.judge else self.name)

    def column(self) -> Column:
        """Its column in a table."""
        form: Form = {"change": "change", "seconds": "seconds"}.get(self.kind, "number")  # type: ignore[assignment]
        if self.unit == "share" and form == "number":
            return Column(self.title, better=self.better, form="share", name=self.key, leads=self.leads)
        unit = self.unit if self.kind != "change" else ""
        return Column(self.title, unit=unit, better=self.better, form=form, name=self.key, leads=self.leads)

    def read(self, record: Record) -> Reading:
        """The number in this record, or why there is none."""
        if self.kind == "seconds":
            value = record.seconds.get(self.name)
            return Reading(value, "" if value is not None else f"the stage {self.name} is not in the record")
        if self.kind == "update":
            return self._read_update(record)
        after = record.find(self.name, self.subject, self.judge)
        if after is None and self.judge and (blank := record.find(self.name, self.subject)) and blank.value is None:
            after = blank  # the run's judge is not there, and this says why
        if after is None and (why := next((j["unavailable"] for j in record.judges if _is_away(j, self.judge)), "")):
            return Reading(None, why)
        if self.one_unit and after is not None and after.unit != self.unit:
            return Reading(None, f"measured in {after.unit or 'another unit'}")
        if self.kind == "level" or after is None or after.value is None:
            return _level(after, self.subject)
        before = record.find(self.name, "original", self.judge)
        if before is None or before.value is None:
            return _level(before, "original")
        if (difference := shift(before, after)) is not None:
            base = f"{before.value:.4g}" if difference.rough else f"near zero, {before.value:.4g},"
            return Reading(None, f"from {base} by {difference}", difference)
        moved = change(before, after)
        return Reading(moved.value) if moved else Reading(None, "no relative change from an original of 0")

    def _read_update(self, record: Record) -> Reading:
        here: object = record.update
        for part in self.name.split("."):
            here = here.get(part) if isinstance(here, dict) else None
        if not number(here):
            searches = self.name.startswith("details.calibration.")
            return Reading(
                None, "no strength was searched for" if searches else f"update.{self.name} is not in the record"
            )
        return Reading(float(here))


SECONDS = Quantity("seconds", "unlearn", better="lower", unit="s", head="unlearn stage", short="seconds")
GRADIENTS = Quantity(
    "update", "details.cost.gradient_evaluations_per_image", better="lower", head="gradient evaluations per image",
    short="gradients",
)  # fmt: skip
SEARCH = Quantity(
    "update", "details.calibration.cost.gradient_evaluations_per_image", better="lower",
    head="gradient evaluations per image, search included", short="gradients_with_search",
)  # fmt: skip
OWN_DRIFT = Quantity(
    "update", "details.own_drift.spent", better="lower", unit="share", head="drift of own retained samples",
    short="own_drift",
)  # fmt: skip
TURNED = Quantity(
    "update", "details.own_drift.transitions.gained", better="lower", head="own samples that turned", short="turned"
)
DEALT = Quantity("update", "details.own_drift.transitions.dealt", head="by chance", short="turned_by_chance")
ASIDE = (SECONDS, GRADIENTS, SEARCH, OWN_DRIFT, TURNED, DEALT)


@memoised_of_all
def discover(records: Iterable[Record], subject: str = "unlearned") -> list[Quantity]:
    """The quantities that these records hold, in the order of a table: what leads, then by role.

    A relative change where an original was measured; where none was, or only zeros (a distance from the original), the
    level, as of percentiles.
    """
    found: dict[tuple[str, str | None], list[tuple[Measurement | None, Measurement]]] = {}
    called: dict[str | None, str] = {}
    kept = list(records)
    for record in kept:
        for m in record.measurements:
            if m.subject == subject and m.role != LEFT_OUT and m.place != "record":
                before = record.find(m.name, "original", m.judge)
                found.setdefault((m.name, m.judge), []).append((before, m))
                called.setdefault(m.judge, record.judge_label(m.judge))
    quantities = []
    judged = {name for name, judge in found if judge}
    for (name, judge), pairs in found.items():
        if not judge and name in judged and all(m.value is None for _, m in pairs):
            continue  # a run without that judge: its reason stands in the judge's own column
        relative = any(before is not None and before.value for before, _ in pairs)
        nothing = all(m.value is None for _, m in pairs)
        better = next((m.better for _, m in pairs if m.better), None)
        unit = next((m.unit for _, m in pairs if m.unit), "")
        kind: Literal["change", "level"] = "change" if (relative or nothing) and unit != PERCENT else "level"
        m = pairs[0][1]
        quantities.append(
            Quantity(kind, name, judge, subject, better, unit, "", "", m.role, m.place, m.label, called[judge])
        )
    quantities.sort(key=lambda q: (not q.leads, ROLES.index(q.role) if q.role else len(ROLES)))
    titles = [q.title for q in quantities]
    quantities = [  # one distance by two judges' features, say
        replace(q, head=f"{q.title} ({q.by})") if q.judge and titles.count(q.title) > 1 else q for q in quantities
    ]
    titles = [q.title for q in quantities]
    quantities = [replace(q, head=q.key) if titles.count(q.title) > 1 else q for q in quantities]
    more = [q for q in ASIDE if any(q.read(r).value is not None for r in kept)]
    return quantities + more


def of_point(entry: Mapping[str, Any]) -> dict[tuple[str, str | None], Measurement]:
    """The measurements of a point of ``record.curve``, by name and judge."""
    return {(m["name"], m["judge"]): Measurement(**m) for m in entry["measurements"]}


def brief(quantities: Iterable[Quantity]) -> list[Quantity]:
    """Those of a narrow table: what leads, and the first that speaks of quality."""
    every = list(quantities)
    quality = next((q for q in every if q.role == "quality"), None)
    return [q for q in every if q.leads or q is quality]


def _level(m: Measurement | None, subject: str) -> Reading:
    if m is None:
        return Reading(None, f"not measured on the {subject} weights")
    return Reading(m.value, m.reason or "")


def _is_away(about: Mapping[str, Any], judge: str | None) -> bool:
    """Whether that is the judge, and it could not be had: its metrics may then have left no row at all."""
    return judge is not None and about.get("name") == judge and "unavailable" in about
