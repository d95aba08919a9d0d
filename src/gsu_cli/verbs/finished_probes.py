"""What probes have found of an audit that is not done: a line that was stopped goes on at the probe where it stopped.

A probe's findings are written as soon as they are there, into a file whose name is a digest of all that they depend
on, and are removed once the audit is done. So nothing outlives its audit, and whatever is other asks for another file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gsu_cli.audit.base import Audited, Case, Probe
from gsu_cli.errors import OutputError
from gsu_cli.evaluation.cached import is_ours
from gsu_cli.judges.base import HasContent, Judge
from gsu_cli.run.device import describe
from gsu_cli.run.files import write_text
from gsu_cli.run.lineage import architecture
from gsu_cli.run.session import Session
from gsu_cli.run.surroundings import surroundings
from gsu_cli.run.tensor_files import digest
from gsu_cli.surgery.ranks import ranks
from gsu_cli.verbs.opening_session import plain

FOLDER = "probes"  # below paths.output_dir
log = logging.getLogger(__name__)


@dataclass
class FinishedProbes:
    """Findings of an audit's probes, as plain values.

    Attributes:
        folder: of the files.
        contents: by probe, all that its findings depend on; of some none, which are never kept.
        used: files of this audit, read or written.
    """

    folder: Path
    contents: Mapping[str, str]
    used: list[Path] = field(default_factory=list)

    @classmethod
    def of(cls, cfg: DictConfig, case: Case, probes: Mapping[str, Probe], session: Session) -> FinishedProbes:
        """For ``case``; where code of somebody else is at work nothing is kept: it may be changed, and nothing tells.

        Args:
            cfg: of the line, with the options of each probe.
            case: what is audited.
            probes: by name.
            session: of the audit; its device and precision move the last bits.
        """
        folder = Path(str(cfg.paths.output_dir)).expanduser() / FOLDER
        common = _common(case, session) if ranks().size == 1 else None  # ranks share a probe, and must all take part
        kept = {} if common is None else {
            name: json.dumps({**common, "probe": name, "options": plain(cfg.audit)[name]}, sort_keys=True)
            for name, probe in probes.items()
            if is_ours(probe)
        }  # fmt: skip
        return cls(folder, kept)

    def read(self, name: str) -> dict[str, Any] | None:
        """What a probe found before this audit was stopped; None where it did not come so far, or of a damaged file."""
        path = self._path(name)
        if path is None or not path.exists():
            return None
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            found, same = kept["found"], kept["content"] == self.contents[name]
            if not same or kept["sha256"] != _sha256(found):
                raise ValueError("something else than its name says")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("%s is damaged (%s); probe %s begins again", path, error, name)
            return None
        self.used.append(path)
        return dict(found)

    def write(self, name: str, found: Mapping[str, Any]) -> None:
        """Keeps what a probe found; a folder that cannot be written keeps nothing, and the audit goes on."""
        path = self._path(name)
        if path is None:
            return
        kept = {"content": self.contents[name], "sha256": _sha256(found), "found": found}
        try:
            write_text(path, json.dumps(kept))
        except OutputError as error:
            log.warning("an audit that is stopped now will begin again with %s: %s", name, error)
            return
        self.used.append(path)

    def remove(self) -> None:
        """The audit is done: its own file has all of it."""
        with contextlib.suppress(OSError):
            for path in self.used:
                path.unlink(missing_ok=True)
            self.folder.rmdir()  # unless another audit is at work

    def _path(self, name: str) -> Path | None:
        content = self.contents.get(name)
        return (content and self.folder / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:32]}.json") or None


def _common(case: Case, session: Session) -> dict[str, Any] | None:
    """What every probe depends on; None where some of it cannot be known."""
    audited = {*case.models.values(), *case.references, *case.unlearned}
    judges = {name: _content(judge) for name, judge in case.context.judges.items()}
    if not all(is_ours(a.model) for a in audited) or None in judges.values():
        return None
    s, d = case.split, case.split.dataset
    controls = None if d.canaries is None else digest({"pixels": d.canaries.controls.pixels})
    return {
        "models": [_model(a) for a in [*case.models.values(), *case.references, *case.unlearned]],
        "data": [d.digest(), d.name, controls, s.digest(), s.words, s.copies, s.trained_elsewhere],
        "numbers": [case.seed, case.repeats, case.most],
        "design": case.design and case.design.sha256,
        "judges": [judges, dict(case.context.labels), dict(case.context.unavailable)],
        "device": describe(session.device, session.precision),
        **surroundings(),
    }


def _model(a: Audited) -> list[Any]:
    return [a.name, a.sha256, architecture(a.model), getattr(a.model, "guidance", None)]


def _content(judge: Judge) -> str | None:
    ours = is_ours(judge) and is_ours(getattr(judge, "model", judge))
    return judge.content() if ours and isinstance(judge, HasContent) else None


def _sha256(found: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()
