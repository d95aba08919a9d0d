"""Where the configs are. Standard library only: help and completion ask before anything else is imported."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> Path:
    """``conf/`` inside the installed package, else beside ``src/`` in a working copy."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "conf"
    return packed if packed.is_dir() else package.parents[1] / "conf"
