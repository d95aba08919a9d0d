"""Every table that ships: its spec is whole, each of its lines composes, and the docs count its cells right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gsu_cli.run.configs import conf_dir
from gsu_cli.run.folders import register_resolvers
from gsu_cli.tables.lines import expand
from gsu_cli.tables.spec import TableSpec

TABLES = sorted(path.stem for path in (conf_dir() / "table").glob("*.yaml"))
PAGE = (Path(__file__).parents[2] / "docs/reproduce.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def configs() -> Iterator[None]:
    register_resolvers()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


def spec(name: str) -> TableSpec:
    config = OmegaConf.to_container(compose("reproduce", [f"table={name}"]).table, resolve=True)
    assert isinstance(config, dict)
    values: dict[str, Any] = {str(key): value for key, value in config.items()}
    return TableSpec.of(values)


def groups(line: str) -> set[str]:
    """What the words of a line set: of ``method.lr=1e-3`` the group ``method``."""
    return {re.split(r"[.=@]", word.lstrip("+~"))[0] for word in line.split()}


@pytest.mark.parametrize("name", TABLES)
def test_its_lines_compose(name: str) -> None:
    """Each row and each column once, and together those that set something of the same group."""
    found = spec(name)
    # of a sweep the first value: the choices of a group are composed one by one in test_configs
    rows, columns = (
        {next(expand(*line))[0]: groups(line[1]) for line in lines.items()} for lines in (found.rows, found.columns)
    )
    cells = [c for c in found.cells() if c.row in rows and c.column in columns and c.seed == found.seeds[0]]
    seen: set[str] = set()
    for cell in cells:
        if {cell.row, cell.column} <= seen and not rows[cell.row] & columns[cell.column]:
            continue
        seen |= {cell.row, cell.column}
        config = compose("unlearn", cell.overrides)
        assert config.seed == cell.seed
        OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert seen == {c for cell in cells for c in (cell.row, cell.column)}
    assert seen


@pytest.mark.parametrize("name", TABLES)
def test_what_the_page_says(name: str) -> None:
    (count,) = re.findall(rf"^\| `{name}` \| .* \| (\d+) \|$", PAGE, re.MULTILINE)
    found = spec(name)
    assert len(found.cells()) == int(count)
    assert found.name == name
    assert {pin.row for pin in found.expect} <= {None, *(c.row for c in found.cells())}
    assert {pin.column for pin in found.expect} <= {None, *(c.column for c in found.cells())}


def test_the_page_names_every_key() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    example = TableSpec.of(yaml.safe_load(text))
    assert len(example.cells()) == 12
    assert example.expect[0].column == "Fisher surgery"
    explained = {
        word for cell in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for word in re.findall(r"`(\w+)`", cell)
    }
    assert {*vars(example)} - {"name", "title"} <= explained
