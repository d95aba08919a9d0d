"""Each worker reads every file of tests, so what few tests need is imported by these: see `Later`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DEAR = (
    "scipy.stats", "scipy.optimize", "torchvision", "torchjd", "diffusers", "matplotlib", "curvlinops", "pythae",
    "torch_fidelity", "pytorch_fid",
)  # fmt: skip
"""Libraries that take a fifth of a second or more to import."""


def at_the_head(text: str) -> set[str]:
    """Modules that a file imports where it is read, not within a function."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize("head", ["import scipy.stats as s", "from scipy import stats", "from scipy.stats import t"])
def test_a_head_that_imports_one_is_seen(head: str) -> None:
    assert "scipy.stats" in at_the_head(head)
    assert at_the_head(f"def f():\n    {head}") == set()


def test_no_file_imports_a_dear_library_at_its_head() -> None:
    found = {
        f"{path.relative_to(TESTS)}: {module}"
        for path in TESTS.rglob("*.py")
        for module in at_the_head(path.read_text(encoding="utf-8"))
        if any(module == dear or module.startswith(f"{dear}.") for dear in DEAR)
    }
    assert found == set()
