"""Help answers at once: neither Hydra nor torch is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import sys
from gsu_cli.cli import main
code = main({words!r})
heavy = [name for name in ("torch", "hydra", "omegaconf", "rich", "numpy", "yaml") if name in sys.modules]
sys.exit(f"imported {{heavy}}" if heavy else code)
"""

LIGHT = [[], ["--help"], ["help"], ["help", "unlearn"], ["unlearn", "--help"], ["--version"], ["--completion", "bash"],
         ["--complete", "gsu un"]]  # fmt: skip


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_nothing_heavy_is_imported(words: list[str], environment: dict[str, str]) -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROBE.format(words=words)], env=environment, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout
