"""Where and with what a run happened: versions, git state, device, memory."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PACKAGES = ("gsu-cli", "torch", "torchvision", "hydra-core", "omegaconf", "numpy", "safetensors")
CODE = "code "  # begins what stands for the version of code of one's own: a digest of its files
NOT_HASHED = ("paths", "logger")  # where things lie and who listens does not change what they are


def own_versions(versions: Mapping[str, str]) -> dict[str, str]:
    """Of a record's versions those of code of one's own."""
    return {top: version for top, version in versions.items() if version.startswith(CODE)}


def versions() -> dict[str, str]:
    """Version of Python and of the packages that can move a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def git() -> dict[str, Any]:
    """Commit of the checkout that the package runs from, and whether tracked files differ from it (None: unknown).

    Empty for an installed wheel.
    """
    here = Path(__file__).parent

    def ask(*words: str) -> str | None:
        try:
            line = ["git", "-C", str(here), *words]
            run = subprocess.run(line, capture_output=True, text=True, check=False, timeout=5)  # noqa: S603 - fixed words
        except (OSError, subprocess.TimeoutExpired):
            return None
        return run.stdout.strip() if run.returncode == 0 else None

    if ask("ls-files", "--error-unmatch", __file__) is None:
        return {}
    changed = ask("status", "--porcelain", "-uno")
    return {"commit": ask("rev-parse", "HEAD"), "dirty": None if changed is None else changed != ""}


def peak_memory_mb() -> float:
    """Largest resident size of this process so far, MB of 1,000,000 bytes.

    On Linux `getrusage` begins with the peak of whoever started the process, so the kernel is asked there.
    """
    with suppress(OSError, StopIteration):  # a /proc that is hidden, or another system
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return round(int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024 / 1e6, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def config_hash(config: dict[str, Any]) -> str:
    """First 16 hex digits of the sha256 of the resolved config, paths of folders and loggers left out."""
    kept = {k: v for k, v in config.items() if k not in NOT_HASHED}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
