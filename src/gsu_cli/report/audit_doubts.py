"""What an audit says of judges that do not count in the verdict of the run: it quotes what they see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gsu_cli.report.verdict import verdict
from gsu_cli.run.record import Record


def doubts(record: Record, probes: Mapping[str, Any]) -> list[str]:
    """Why judges that ``probes`` asked support no claim, a sentence each, as the run's own verdict has it.

    Args:
        record: of the run that is audited.
        probes: what each found, as `audit.findings.plain` gives it.
    """
    asked = dict.fromkeys(m["judge"] for found in probes.values() for m in found["measurements"] if m.get("judge"))
    judges = {} if (said := verdict(record)) is None else said.judges
    return [
        f"the {record.judge_label(name)} judge {judges[name]}, so what it sees supports no claim"
        for name in asked
        if judges.get(name)
    ]
