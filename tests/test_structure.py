"""Rules of the tree, asked of the tree itself: sizes, what a folder holds, who may import whom, no circle."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import grimp
import pytest
from omegaconf import OmegaConf

import longest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/gsu_cli"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST, MEDIAN = 300, 90
CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
}
READS_CONFIGS = {"cli", "verbs", "run", "tables"}  # the packages that may know Hydra


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def packages() -> set[str]:
    return {p.stem for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()} - {"__init__"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("gsu_cli", cache_dir=None)


def test_a_file_is_one_idea() -> None:
    sizes = {str(path.relative_to(SOURCE)): lines(path) for path in FILES}
    assert {path: n for path, n in sizes.items() if n > LONGEST} == {}
    assert statistics.median(sizes.values()) <= MEDIAN, "split a file that holds two ideas"


def shadows(source: str) -> set[str]:
    """Functions and imports of a module that a local name of one of its functions hides; arguments are as they read."""
    tree = ast.parse(source)
    top = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    top |= {a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    inner = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    stored = {
        name.id
        for function in inner
        for name in ast.walk(function)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    return stored & top


def positional(source: str, most: int) -> set[str]:
    """Functions that take more than so many arguments by their place; those of a constructor are a config's options."""
    return {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and node.name != "__init__"
        and len([a for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls")]) > most
    }


def test_a_call_of_many_arguments_names_them() -> None:
    assert positional("def f(a, b): ...\nclass A:\n    def g(self, a): ...\n    def __init__(self, a, b): ...", 1) == {
        "f"
    }
    places = [*FILES, *(ROOT / "scripts").glob("*.py")]
    assert {str(p.relative_to(ROOT)): found for p in places if (found := positional(p.read_text("utf-8"), 5))} == {}


def test_no_local_name_hides_a_function_of_its_module() -> None:
    assert shadows("def beside(): ...\ndef told():\n    beside = 1\n    return beside") == {"beside"}
    assert shadows("from a import b\ndef told(b):\n    return [c for c in b]") == set()
    assert {str(p.relative_to(SOURCE)): found for p in FILES if (found := shadows(p.read_text("utf-8")))} == {}


def test_every_file_can_be_imported() -> None:
    """Those without an example are not imported by being collected."""
    for path in FILES:
        if path.name != "__main__.py":
            importlib.import_module(
                ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
            )


def test_files_that_take_longest_begin_first() -> None:
    tests = ROOT / "tests"
    assert [name for name in longest.LONGEST if not (tests / name).is_file()] == []
    names = [
        "src/a.py::a",
        f"tests/{longest.LONGEST[1]}::b",
        "tests/c.py::c",
        f"tests/{longest.LONGEST[0]}::d",
        f"tests/{longest.LONGEST[1]}::a",
    ]
    items = [SimpleNamespace(nodeid=name) for name in names]
    longest.longest_first(items)
    assert [item.nodeid for item in items] == [names[k] for k in (3, 1, 4, 0, 2)]


def test_no_file_imports_itself_by_way_of_others(graph: grimp.ImportGraph) -> None:
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    left = dict(imports)
    while free := [module for module, others in left.items() if not others & left.keys()]:
        for module in free:
            del left[module]
    assert sorted(left) == [], "these are a circle, or lead into one"


@pytest.mark.parametrize(("folder", "member"), [("methods", "__call__"), ("metrics", "__call__")])
def test_every_choice_is_a_file_of_its_folder(folder: str, member: str) -> None:
    group = folder.removesuffix("s")
    targets = {
        str(target): path.name
        for path in (ROOT / "conf" / group).glob("*.yaml")
        if (target := OmegaConf.load(path).get("_target_"))
    }
    assert targets
    assert {t: name for t, name in targets.items() if not t.startswith(f"gsu_cli.{folder}.")} == {}


def test_methods_holds_methods_only() -> None:
    """Every file but ``base.py`` defines exactly one class that a config can name, and one does."""
    named = {str(OmegaConf.load(path)._target_) for path in (ROOT / "conf/method").glob("*.yaml")}
    for path in (SOURCE / "methods").iterdir():
        if path.suffix != ".py" or path.stem in ("__init__", "base"):
            assert path.suffix == ".py" or path.name == "__pycache__", f"{path.name} is no method"
            continue
        classes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
        methods = [c.name for c in classes if any(getattr(member, "name", "") == "__call__" for member in c.body)]
        assert [f"gsu_cli.methods.{path.stem}.{name}" in named for name in methods] == [True], path.name


def test_every_package_has_its_layer_and_meets_no_config() -> None:
    """`lint-imports` refuses a package without a layer; who may see Hydra is said here, everyone else may not."""
    assert CONTRACTS["layers"]["exhaustive"] is True
    assert {name.removeprefix("gsu_cli.") for name in CONTRACTS["configs end in the verbs"]["source_modules"]} == (
        packages() - READS_CONFIGS - {"errors", "checks"}
    )


def test_a_new_method_is_under_the_contract_by_itself() -> None:
    contract = CONTRACTS["methods are independent of each other"]
    assert contract["modules"] == ["gsu_cli.methods.*"]
    assert contract["ignore_imports"] == ["gsu_cli.methods.* -> gsu_cli.methods.base"]


def test_every_script_says_why_it_is_none_of_the_verbs() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Scripts")[2].partition("\n## ")[0]
    rules = [name for line in told.splitlines() for name in re.findall(r"`([\w*]+\.py)`", line.partition(" | ")[0])]
    scripts = {path.name for path in (ROOT / "scripts").glob("*.py")}
    assert {name for name in scripts if not any(fnmatch(name, rule) for rule in rules)} == set()
    assert {rule for rule in rules if not any(fnmatch(name, rule) for name in scripts)} == set()
