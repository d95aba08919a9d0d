"""What forgetting cost: the held-out retain loss, by the name it has in a record of each family."""

from __future__ import annotations

from gsu_cli.run.record import Measurement, Record

COSTS = {"neg_elbo_retain": "retain -ELBO", "heldout_loss_retain": "retain loss"}


def cost(record: Record, subject: str) -> Measurement | None:
    """The held-out retain loss of a subject: a -ELBO where the model has one, else its own training loss."""
    rows = [m for name in COSTS if (m := record.find(name, subject)) is not None]
    return next((m for m in rows if m.value is not None), rows[0] if rows else None)


def cost_words(record: Record) -> str:
    """What the cost of a record is called."""
    found = cost(record, "original")
    return COSTS[found.name] if found is not None else COSTS["neg_elbo_retain"]
