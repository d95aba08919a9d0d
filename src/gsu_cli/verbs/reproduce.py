"""``gsu reproduce``: runs the cells of a table that are missing, and renders it from the records of all."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from gsu_cli.checks import as_int
from gsu_cli.errors import CheckpointError, DataError, GsuError, LineError, NotApplicableError, UsageError
from gsu_cli.report.compact import read_compact
from gsu_cli.report.numbers import seconds
from gsu_cli.report.reproduced import missed, print_table, unmeasured, write_table
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.folder_words import chosen_with
from gsu_cli.run.provenance import git
from gsu_cli.run.typed_line import quoted, searchpath, words
from gsu_cli.tables import kept
from gsu_cli.tables.cell import Cell, Outcome
from gsu_cli.tables.pool import cores, in_processes
from gsu_cli.tables.spec import TableSpec
from gsu_cli.tables.store import CELLS, Store
from gsu_cli.verbs import cell as cells
from gsu_cli.verbs import console, settings, table_models
from gsu_cli.verbs.arguments import check_arguments, fits
from gsu_cli.verbs.composing import configs
from gsu_cli.verbs.opening_session import flag, plain


def main(cfg: DictConfig) -> None:
    """Runs the verb."""
    settings.check(cfg, "reproduce")
    if cfg.get("table") is None:
        names = sorted(path.stem for path in (conf_dir() / "table").glob("*.yaml"))
        raise UsageError("`table` must be given", way_out=f"Choose one of {', '.join(names)}")
    spec = _table(cfg.table)
    preview, workers = flag(cfg, "preview"), _workers(cfg.workers)
    if not fits(cfg.cell_seconds, float) or not cfg.cell_seconds > 0:
        raise UsageError("`cell_seconds` must be a number > 0", found=cfg.cell_seconds)
    root = Path(str(cfg.paths.output_dir)) / "reproduce"
    chosen_with(root, "paths.output_dir=FOLDER")
    if cfg.records is not None and preview:
        raise UsageError(
            "one of `preview` and `records` must be left out: records run nothing",
            found="both",
            way_out="Leave one out",
        )
    if cfg.records is not None:
        _of_records(Path(str(cfg.records)).expanduser(), spec, root / f"{spec.name}.kept")
        return
    store = Store(root / CELLS)
    shared = _shared(cfg)
    with console.work_bar(f"cells of {spec.name}") as on_progress, configs():
        identities = table_models.identities(spec, shared, root)
        outcomes = _look_up(spec, identities, store, on_progress)
        refused = _refusals(outcomes, identities) if preview else []
        # cells of one key are one run
        todo = list({o.key: o for o in outcomes if o.key and not (o.done or o.inapplicable)}.values())
        untrained = table_models.missing([o.cell for o in todo], identities)
        stood = table_models.there([o.cell for o in outcomes if o.key], identities)
    console.say(_plan(spec, outcomes, todo, _estimate(todo, outcomes, cfg.cell_seconds) / workers, workers))
    if kept_from := other_code(outcomes):
        console.say(
            f"{kept_from}; cells.json names each one's folder: remove what is to run again below ", store.folder
        )
    if of_models := of_other_code([record.git for record in stood]):
        console.say(
            f"{of_models[0]} of the {len(stood)} models trained before were made by other code of gsu {of_models[1]}; "
            "to train them again remove their folders below ",
            identities.folder,
        )
    if untrained:
        console.say(f"before them {len(untrained)} models are trained: {', '.join(untrained)}")
    if preview:
        _show_refusals(spec, refused)
        return
    try:
        table_models.train(untrained, identities, workers)
        with configs():
            resolved = [identities.resolved(o.cell) for o in todo]
        outcomes = _run(todo, resolved, outcomes, shared=shared, store=store, workers=workers)
    except KeyboardInterrupt:
        console.say("the same line goes on, with the cells that are finished, from ", store.folder)
        raise
    folder = root / spec.name
    table = write_table(folder, spec, outcomes, _command())
    print_table(table, console.console, console.room())
    for slip in unmeasured(spec, outcomes):
        console.note(slip)
    console.say("all of it lies in ", folder)
    _judge(spec, outcomes, folder)


def _of_records(path: Path, spec: TableSpec, folder: Path) -> None:
    """Renders the table of records that are kept; its pins are not asked, as other weights may have made them."""
    with configs():
        outcomes = kept.outcomes(spec, read_compact(path))
    print_table(write_table(folder, spec, outcomes, _command()), console.console, console.room())
    for slip in unmeasured(spec, outcomes):
        console.note(slip)
    console.say(f"table {spec.name}: {sum(o.record is not None for o in outcomes)} of {len(outcomes)} cells in {path}")
    console.say("all of it lies in ", folder)


def _table(chosen: Any) -> TableSpec:
    """The table, its values checked against the annotations of its class; what is null is left to `TableSpec`."""
    if not isinstance(chosen, DictConfig):
        raise UsageError("`table` must be a choice of that group", found=chosen)
    values, known = plain(chosen), TableSpec.__dataclass_fields__
    given = {key: value for key, value in values.items() if value is not None and key in known}
    check_arguments(TableSpec, given, "table")
    return TableSpec.of(values)


def _workers(value: object) -> int:
    if value is None:
        return cores()
    return as_int("workers", value)


def _shared(cfg: DictConfig) -> list[str]:
    """Where things lie, for every cell as for this line; configs of one's own among them."""
    data = f"paths.data_dir={quoted(str(Path(str(cfg.paths.data_dir)).expanduser().absolute()))}"
    return [data, *searchpath(), f"device={cfg.device}"]


def _command() -> list[str]:
    """This line without what changes no entry of the table."""
    return ["gsu", "reproduce", *(w for w in words() if w.split("=")[0] not in ("workers", "preview", "cell_seconds"))]


def _look_up(spec: TableSpec, identities: cells.Identities, store: Store, on_progress: Any) -> list[Outcome]:
    """Each cell with its key and what is known of it; a cell that cannot be had is a hole with the reason."""
    outcomes = []
    every = spec.cells()
    spec.check_expected(every)
    for i, one in enumerate(every, 1):
        try:
            key = identities.key(one)
            outcomes.append(Outcome(one, key, store.read(key)))
        except (CheckpointError, DataError) as e:
            outcomes.append(Outcome(one, "", cells.failure(one.overrides, str(e)), excused=one.optional))
        except (HydraException, OmegaConfBaseException, UsageError) as e:
            error = LineError(
                f"the lines of `table={spec.name}` must compose", found=f"{one}: {str(e).splitlines()[0]}"
            )
            error.words, error.verb = tuple(one.overrides), "unlearn"
            raise error from e
        on_progress(i, len(every), str(one))
    return outcomes


def _refusals(outcomes: Sequence[Outcome], identities: cells.Identities) -> list[tuple[Outcome, str]]:
    """The cells that cannot run, each with the reason."""
    refused = []
    for o in outcomes:
        if not o.key:
            refused.append((o, o.why))
        elif not o.done:
            try:
                identities.check(o.cell)
            except (GsuError, HydraException, OmegaConfBaseException) as e:
                refused.append((o, str(e).splitlines()[0]))
    return refused


def _show_refusals(spec: TableSpec, refused: Sequence[tuple[Outcome, str]]) -> None:
    """Says what cannot run, cells of one reason together; raises unless every one of them may be missing."""
    together: dict[tuple[str, str, str], list[int]] = {}
    for o, why in refused:
        together.setdefault((o.cell.row, o.cell.column, why), []).append(o.cell.seed)
    for (row, column, why), seeds in together.items():
        console.say(f"cannot be run: {row}, {column}, seed {', '.join(map(str, seeds))}: {why}")
    needed = [o for o, _ in refused if not o.excused]
    if needed:
        raise GsuError(
            f"every cell of {spec.name} must be able to run",
            found=f"{len(needed)} that cannot",
            way_out="See the lines above",
        )


def _estimate(todo: Sequence[Outcome], outcomes: Sequence[Outcome], default: float) -> float:
    """Seconds of all cells to do, one after the other: as long as done ones of the same row and column, or column."""
    spent: dict[object, list[float]] = {}
    for o in outcomes:
        if o.done and o.record is not None and "total" in o.record.seconds:
            for like in ((o.cell.row, o.cell.column), o.cell.column):
                spent.setdefault(like, []).append(o.record.seconds["total"])
    found = [spent.get((o.cell.row, o.cell.column)) or spent.get(o.cell.column) or [default] for o in todo]
    return sum(map(statistics.fmean, found))


def _plan(spec: TableSpec, outcomes: Sequence[Outcome], todo: Sequence[Outcome], estimate: float, workers: int) -> str:
    s = "" if len(outcomes) == 1 else "s"
    counts = [f"{len(outcomes)} cell{s}", f"{sum(o.done for o in outcomes)} done", f"{len(todo)} to run"]
    if again := sum(o.record is not None for o in todo):
        counts.append(f"{again} of them failed before")
    left = [o for o in outcomes if o.key and not (o.done or o.inapplicable)]
    if alike := len(left) - len(todo):
        counts.append(f"{alike} the same run as another")
    if holes := sum(not o.key for o in outcomes):
        counts.append(f"{holes} cannot be run")
    time = f"; about {seconds(estimate)} with {workers} at a time" if todo else ""
    return f"table {spec.name}: {', '.join(counts)}{time}"


def other_code(outcomes: Sequence[Outcome]) -> str:
    """Says how many of the cells that are kept, done or n/a, were made by other code of gsu than runs now; "" of none.

    A key holds gsu's version, not its code, so within one version they are taken as they are. Of a checkout with
    changes that are not committed nothing is known to be the same.
    """
    made = [o.record.git for o in outcomes if o.record is not None and (o.done or o.inapplicable)]
    found = of_other_code(made)
    return f"{found[0]} of those kept were made by other code of gsu {found[1]}" if found else ""


def of_other_code(made: Sequence[Mapping[str, Any]]) -> tuple[int, str] | None:
    """How many of these ``git`` entries of records are not of the code that runs now, and which code it was."""
    now = git()
    others = [one for one in made if now.get("dirty") or one.get("commit") != now.get("commit") or one.get("dirty")]
    if not others:
        return None
    return len(others), f"({', '.join(dict.fromkeys(map(_code, others)))}; this is {_code(now)})"


def _code(made: Mapping[str, Any]) -> str:
    """A commit and whether it was changed; a wheel has none."""
    if not made.get("commit"):
        return "an installed wheel"
    return f"commit {made['commit'][:7]}" + (" with changes" if made.get("dirty") else "")


def _run(
    todo: Sequence[Outcome],
    resolved: Sequence[Cell],
    outcomes: Sequence[Outcome],
    *,
    shared: list[str],
    store: Store,
    workers: int,
) -> list[Outcome]:
    """Runs what is to do, as ``resolved`` with what was trained; returns all outcomes with their records."""
    jobs = [(cell, shared, store.folder, o.key) for cell, o in zip(resolved, todo, strict=True)]
    with console.work_bar("reproduce") as on_progress:
        ended: list[int] = []

        def show(i: int) -> None:
            on_progress(len(ended), len(todo), str(todo[i].cell))

        for i, code in in_processes(cells.run_cell, jobs, workers=workers, preload=cells.__name__, on_start=show):
            if code:
                why = f"its process was killed by signal {-code}" if code < 0 else f"its process ended with {code}"
                store.fail(todo[i].key, cells.failure(todo[i].cell.overrides, why))
            ended.append(i)
            show(i)
    return [replace(o, record=store.read(o.key)) if o.key else o for o in outcomes]


def _judge(spec: TableSpec, outcomes: Sequence[Outcome], folder: Path) -> None:
    """Raises where the table is not what it should be."""
    failed = [o for o in outcomes if not (o.done or o.excused or o.inapplicable)]
    if failed:
        raise GsuError(
            f"every cell of {spec.name} must end well",
            found=f"{len(failed)} of {len(outcomes)} that did not, first {failed[0].cell}: {failed[0].why}",
            way_out=f"Type the same line to run these again; {folder / 'cells.json'} names their folders",
        )
    if outcomes and all(o.inapplicable for o in outcomes):
        raise NotApplicableError(
            f"the method of one cell of {spec.name} at least must apply to its model",
            found=f"n/a in all {len(outcomes)}",
            way_out="See `gsu show docs/families.md` for the methods that run on it",
        )
    if broken := missed(spec, outcomes):
        raise GsuError(
            f"what is pinned in `table.expect` of {spec.name} must hold", found="; ".join(broken),
            way_out="See `gsu show docs/reproduce.md`",
        )  # fmt: skip
