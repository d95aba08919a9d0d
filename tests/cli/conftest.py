"""A small `gsu` of its own: the shared configs of the real one, a few groups, and verbs that do next to nothing.

The command line is tested for what it does with any verb, so that a change to a method or a model cannot break these.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gsu_cli.cli.app import App
from gsu_cli.run.configs import conf_dir

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"

CONFIGS = {
    "unlearn.yaml": """
defaults:
  - _session
  - paths: default
  - dataset: ???
  - method: ascent
  - _self_
seed: 0
do: nothing
resume: false
""",
    "train.yaml": """
defaults:
  - _session
  - paths: default
  - _self_
hydra: {run: {dir: "${paths.output_dir}/same"}}
""",
    "show.yaml": "defaults:\n  - _listing\n  - paths: default\n  - _self_\n",
    "evaluate.yaml": "defaults:\n  - _session\n  - paths: default\n  - _self_\nrun: ???\nto: ${nowhere}\n",
    "dataset/mnist.yaml": "name: mnist\n",
    "dataset/folder.yaml": "name: folder\npath: ???\n",
    "method/ascent.yaml": "lr: 1e-3\nshots: 1\n",
    "method/fisher_surgery.yaml": "budget: 0.01\nshots: 1\n",
    "method/fisher_exact.yaml": "budget: 0.01\n",
}


@pytest.fixture
def app(tmp_path: Path) -> App:
    """Configs in a folder of their own, verbs in `fake_verbs`."""
    conf = tmp_path / "conf"
    conf.mkdir()
    for part in ("paths", "hydra"):
        shutil.copytree(conf_dir() / part, conf / part)
    for part in ("_session.yaml", "_listing.yaml"):
        shutil.copy(conf_dir() / part, conf / part)
    for name, text in CONFIGS.items():
        (conf / name).parent.mkdir(exist_ok=True)
        (conf / name).write_text(text, encoding="utf-8")
    return App(conf_dir=conf, entry="fake_verbs:{verb}", closing="fake_verbs:print_sweep")


@pytest.fixture
def program(app: App, tmp_path: Path) -> Path:
    """An executable named `gsu` for that app, as a shell would find it."""
    path = tmp_path / "bin" / "gsu"
    path.parent.mkdir()
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys; from pathlib import Path\n"
        "from gsu_cli.cli import main; from gsu_cli.cli.app import App\n"
        f"app = App(Path({str(app.conf_dir)!r}), {app.entry!r}, {app.closing!r})\n"
        "sys.exit(main(app=app))\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def environment(program: Path) -> dict[str, str]:
    """Environment in which `gsu` and `fake_verbs` are found, and nothing of the caller's leaks in."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GSU_", "HYDRA_", "XDG_"))}
    paths = os.pathsep.join([str(SOURCE), str(HERE)])
    return kept | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def gsu(app: App, environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Type a line in `tmp_path` and wait for it."""

    def run(*words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["gsu", *words],
            cwd=tmp_path,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def in_process(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """The same without a new process: ten times faster. Returns exit code, stdout, stderr."""
    from gsu_cli.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(HERE))
    for name in ("GSU_FULL_ERROR", "HYDRA_FULL_ERROR", "GSU_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(words, app)
        return code, *capfd.readouterr()

    # Hydra configures the root logger for the life of a process, with streams that pytest closes after each test
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield run
    root.setLevel(level)
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
