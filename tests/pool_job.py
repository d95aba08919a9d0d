"""A job that processes import by name; not in a test's own module, whose name other packages may bear, too."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def job(folder: Path, name: str) -> None:
    if name == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "exit":
        raise SystemExit(3)
    started = time.monotonic()
    time.sleep(0.3)
    import torch

    text = f"{started} {time.monotonic()} {torch.get_num_threads()} {os.environ['OMP_NUM_THREADS']} {os.getcwd()}"
    (folder / name).write_text(text, encoding="utf-8")
