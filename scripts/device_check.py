"""Does an accelerator give the CPU's numbers, and how fast? ``python scripts/device_check.py``: ten minutes at most.

Runs real lines on the CPU and on the device: the demo, literal gradient surgery, a training, a diffusion model and an
attribute of the avatars by a refit; with ``--small`` the demo and the training alone. Writes what differs, seconds of
both, and what the record says of the device; exits 1 where a number lies further from the CPU's than its kind allows.
With ``--device cpu`` it checks itself: nothing may differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DIGITS = ["dataset=mnist", "dataset.download=false"]
FEW = ["evaluation.samples=2000"]
LINES = {
    "demo": ["unlearn", *DIGITS, "forget.class=1", *FEW],
    "literal step": ["unlearn", *DIGITS, "forget.class=1", "method=gradient_surgery", "protocol.budget=null", *FEW],
    "training": ["train", *DIGITS, "training.epochs=2"],
    "diffusion": ["unlearn", *DIGITS, "checkpoint=ddpm", "forget.class=1", "method=finetune", "protocol.budget=null",
                  "evaluation.samples=200"],
    "avatars": ["unlearn", "dataset=avatars", "forget.attribute=smile", *FEW],
}  # fmt: skip
SMALL = ("demo", "training")
LOSSES, SHARES = 2e-3, 0.02  # how far a loss may lie from the CPU's, relative, and a share or another number, absolute
KINDS = {"heldout_loss": LOSSES, "sample_nll": LOSSES, "frechet": 0.02}  # by the start of a name, relative


def run(device: str, words: list[str], folder: Path) -> tuple[dict[str, Any], float]:
    """The record of a line on a device, and its seconds."""
    started = time.perf_counter()
    line = [sys.executable, "-m", "gsu_cli.cli", *words, f"device={device}", f"hydra.run.dir={folder}"]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} on {device}:\n{done.stderr}")
    found: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return found, round(time.perf_counter() - started, 2)


def compare(cpu: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The largest difference of each kind of number, and whether all are small enough."""
    far: dict[str, float] = {}
    allowed = {"share": SHARES, "training loss": LOSSES, **KINDS}
    for a, b in zip(cpu["measurements"], other["measurements"], strict=True):
        kind = "share" if a["unit"] == "share" else next((k for k in KINDS if a["name"].startswith(k)), None)
        if kind is None or a["value"] is None or b["value"] is None:
            continue
        apart = abs(a["value"] - b["value"]) / (1.0 if kind == "share" else abs(a["value"]) or 1.0)
        far[kind] = max(far.get(kind, 0.0), apart)
    for a, b in zip(cpu["training"].get("losses", []), other["training"].get("losses", []), strict=True):
        far["training loss"] = max(far.get("training loss", 0.0), abs(a - b) / abs(a))
    return {"differences": far, "ok": all(value <= allowed[kind] for kind, value in far.items())}


def main() -> None:
    """Runs, writes and judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="the demo and a training alone")
    parser.add_argument("--output", type=Path, help="default: outputs/device_check/<device>.json")
    typed = parser.parse_args()
    path = typed.output or Path("outputs/device_check") / f"{typed.device.replace(':', '-')}.json"
    report: dict[str, Any] = {"allowed": {"losses, relative": LOSSES, "shares": SHARES}, "lines": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, words in LINES.items():
            if typed.small and name not in SMALL:
                continue
            cpu, cpu_seconds = run("cpu", words, Path(folder) / name / "cpu")
            other, seconds = run(typed.device, words, Path(folder) / name / "device")
            report |= {"device": other["device"], "versions": other["versions"], "git": other["git"]}
            stages = {"cpu": cpu["seconds"], "device": other["seconds"]}
            line = {**compare(cpu, other), "seconds": {"cpu": cpu_seconds, "device": seconds}, "stages": stages,
                    "peak_memory_mb": other["device"].get("peak_memory_mb")}  # fmt: skip
            report["lines"][name] = line
            print(f"{name:14} {'ok' if line['ok'] else 'FAR'}  {line['differences']}  {line['seconds']} s", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"all of it lies in {path}")
    if not all(line["ok"] for line in report["lines"].values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
