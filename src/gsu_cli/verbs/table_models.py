"""Models that a table trains before the cells that need them: each one line of ``gsu train``, done once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gsu_cli.errors import GsuError
from gsu_cli.run.record import Record
from gsu_cli.tables.cell import Cell
from gsu_cli.tables.pool import in_processes
from gsu_cli.tables.spec import TableSpec, one_line
from gsu_cli.tables.store import Store
from gsu_cli.verbs import cell as cells
from gsu_cli.verbs import console

MODELS = "models"  # folder of what tables train, shared by all of them


def identities(spec: TableSpec, shared: list[str], root: Path) -> cells.Identities:
    """What names the cells of a table; Hydra must know the configs."""
    lines = {name: one_line(f"table.models.{name}", line) for name, line in spec.models.items()}
    return cells.Identities(shared, lines, root / MODELS)


def missing(todo: Sequence[Cell], known: cells.Identities) -> list[str]:
    """Names of the models that cells need and that nobody has trained so far, in the table's order."""
    store = Store(known.folder)
    return [name for name in _needed(todo, known) if not store.is_done(known.model_key(name))]


def there(of: Sequence[Cell], known: cells.Identities) -> list[Record]:
    """The records of the models that cells rest on and that are trained."""
    found = map(Store(known.folder).read, map(known.model_key, _needed(of, known)))
    return [record for record in found if record is not None and record.status == "done"]


def _needed(of: Sequence[Cell], known: cells.Identities) -> list[str]:
    needed = {name for cell in of for name in known.trained_for(cell)}
    return [name for name in known.models if name in needed]


def train(names: Sequence[str], known: cells.Identities, workers: int) -> None:
    """Trains them, in a process each.

    Raises:
        GsuError: one could not be trained.
    """
    store = Store(known.folder)
    jobs = [(list(known.models[name]), known.shared, known.folder, known.model_key(name)) for name in names]
    with console.work_bar("train") as on_progress:
        pool = in_processes(cells.run_model, jobs, workers=workers, preload=cells.__name__)
        for done, (i, code) in enumerate(pool, 1):
            record = store.read(jobs[i][3])
            if code or record is None or record.status != "done":
                why = f"its process ended with {code}" if record is None else record.error or record.status
                raise GsuError(
                    "every model of `table.models` must be trained before its cells",
                    found=f"{names[i]}: {why}",
                    way_out="Type the same line to try again, or change the line of table.models",
                )
            on_progress(done, len(names), names[i])
