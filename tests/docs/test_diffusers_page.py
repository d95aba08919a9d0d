"""docs/diffusers.md, "A whole line": each command reads what the one before it wrote."""

from __future__ import annotations

import shlex
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs/diffusers.md").read_text("utf-8")


def test_each_command_reads_what_the_one_before_it_wrote() -> None:
    block = TEXT.split("## A whole line")[1].split("```text\n")[1].split("```")[0]
    train, unlearn, draw = [shlex.split(line) for line in block.replace("\\\n", " ").strip().splitlines()]
    options = dict(word.split("=", 1) for word in unlearn if "=" in word)
    assert train[:4] == ["python", "scripts/diffusers_digits.py", "train", options["checkpoint.path"]]
    assert draw[2:4] == ["draw", f"{options['hydra.run.dir']}/unlearned"]
