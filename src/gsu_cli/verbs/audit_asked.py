"""What a line of ``gsu audit`` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from gsu_cli.audit.base import UNLEARNED, Probe
from gsu_cli.audit.leave_out import LeaveOut, read_design
from gsu_cli.checks import as_int
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.models.protocols import HasLatents, HasLoss, HasNoise, lacking
from gsu_cli.report.validate import validated
from gsu_cli.run.record import Record, read_record
from gsu_cli.run.session import Session
from gsu_cli.verbs import earlier_run
from gsu_cli.verbs.audit_models import workers_of
from gsu_cli.verbs.build import build_several, chosen
from gsu_cli.verbs.evaluate import as_the_run_did
from gsu_cli.verbs.opening_data import resolve_split
from gsu_cli.verbs.opening_session import forget_spec
from gsu_cli.verbs.opening_weights import check_files

LEAST = {"images": 2, "repeats": 1, "references": 0, "unlearned": 0}


@dataclass(frozen=True)
class Asked:
    """The run, its record, the config as that run had it, and options, checked before anything is opened."""

    run: Path
    record: Record
    cfg: DictConfig
    numbers: Mapping[str, int]
    design: LeaveOut | None
    probes: Mapping[str, Probe]

    @classmethod
    def of(cls, cfg: DictConfig) -> Asked:
        """What the composed config asks for.

        Raises:
            UsageError: no such run, a run that cannot be audited, or an option that is none.
        """
        run = _run(cfg)
        record = validated(read_record(run), run)
        _check_run(record)
        numbers = {key: as_int(key, cfg[key], least) for key, least in LEAST.items()}
        workers_of(cfg.workers)
        cfg = as_the_run_did(cfg, record)
        chosen(cfg, "dataset")
        earlier_run.find_judges(cfg, record)
        check_files(cfg)
        design = None if cfg.design is None else read_design(Path(str(cfg.design)).expanduser())
        probes = build_several(cfg, "audit")
        if not probes:
            raise UsageError("`audit` must name at least one probe", found="none", way_out="See `gsu show probes`")
        return cls(run, record, cfg, numbers, design, probes)

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.run if self.run.is_dir() else self.run.parent

    def split(self, session: Session) -> Split:
        """What was forgotten, and the data of the run.

        Raises:
            UsageError: neither the run nor the line says what was forgotten.
        """
        spec = forget_spec(self.cfg.forget)
        if spec is None:
            raise UsageError(
                "`gsu audit` must know what was forgotten",
                found="no forget.*",
                way_out="Leave out forget: the run says it",
            )
        return resolve_split(spec, earlier_run.load_data(self.cfg, self.record, session), session)

    def lacks(self, model: object) -> dict[str, list[str]]:
        """By probe, what ``model`` lacks for it; refused where no probe can be made."""
        lacks = {name: lacking(model, getattr(probe, "needs", (HasLoss,))) for name, probe in self.probes.items()}
        if all(lacks.values()):
            raise UsageError(
                f"a probe of `gsu audit` must suit the model: {(name := next(iter(lacks)))} needs {lacks[name][0]}",
                found=type(model).__name__,
                way_out=_remaining(model, self.run),
            )
        return lacks


def _remaining(model: object, run: Path) -> str:
    """What can be typed instead for a model without a loss."""
    if isinstance(model, HasLatents | HasNoise):
        return "Type audit=[search], which searches its noise and needs no loss"
    return f"Measure what it generates with `gsu evaluate run={run}`"


def _run(cfg: DictConfig) -> Path:
    if cfg.run is None:
        raise UsageError(
            "`run` must name the folder of an unlearn run",
            found="null",
            way_out="For example `gsu audit run=outputs/unlearn/<date>/<time>`, see `gsu show runs`",
        )
    return Path(str(cfg.run)).expanduser()


def _check_run(record: Record) -> None:
    if record.verb == "audit" and (of := (record.inputs.get("run") or {}).get("path")):
        raise UsageError(
            "`run` must be a run of `gsu unlearn`",
            found="an audit of one",
            way_out=f"Type run={of} to audit that run again, or read this audit with `gsu report`",
        )
    if record.verb != "unlearn" or record.status != "done" or UNLEARNED not in record.outputs:
        raise UsageError(
            "`run` must be a finished run of `gsu unlearn` with weights",
            found=f"one of `gsu {record.verb}` ({record.status})",
            way_out="See `gsu show runs filter.verb=unlearn`",
        )
