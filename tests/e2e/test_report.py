"""`gsu report` as it is typed: what it writes and where, what it says, what it refuses."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from made_runs import costly, lay_out, run

Gsu = Callable[..., Any]


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two methods on two digits, a failed run, a broken record."""
    runs: dict[str, Any] = {
        f"{m}/{d}": costly(0.01, 0.05, digit=d, method=m) for m in ("ascent", "newton") for d in (1, 2)
    }
    runs["failed"] = run(3, method="newton", status="failed", error="NonFiniteError: boom")
    runs["broken"] = "{"
    return lay_out(tmp_path / "outputs/unlearn", runs)


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_page_in_a_folder_of_its_own_and_tables_on_the_terminal(gsu: Gsu, outputs: Path, tmp_path: Path) -> None:
    typed = gsu("report")
    assert (typed.code, typed.err) == (0, "")
    (page,) = tmp_path.glob("outputs/report/*/*/report.html")
    html = page.read_text(encoding="utf-8")
    assert "<code>gsu report</code>" in html
    assert "Runs in outputs" in html
    assert html.count("data:image/webp") == 4
    assert "NOTE  not a readable run: outputs/unlearn/broken/record.json" in typed.out
    assert "5 runs, 1 not finished, 1 more not readable" in typed.out
    assert f"written to {page}" in typed.out
    rows = [line.split() for line in typed.out.splitlines() if line.strip().startswith(("ascent", "newton"))]
    assert [row[0] for row in rows] == ["ascent", "ascent", "newton", "newton", "newton"]
    assert gsu("report").code == 0, "a report is no run and stands in no other report's way"


def test_every_format_into_a_folder(gsu: Gsu, outputs: Path, tmp_path: Path) -> None:
    formats = "format=[markdown,latex,csv,json,html]"
    typed = gsu("report", f"runs={outputs}", formats, "output=shown", "by=method", 'title="Some & more"')
    assert typed.code == 0, typed.err
    assert written(tmp_path / "shown") == [
        ".gsu-report.json", "report.html", "table.csv", "table.json", "table.md", "table.tex"
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO((tmp_path / "shown/table.csv").read_text())))
    assert [row["method"] for row in rows] == ["ascent", "newton"]
    assert float(rows[0]["feature ratio (CNN)"]) == pytest.approx(-0.5)
    assert (rows[1]["runs"], rows[1]["failed"]) == ("2", "1")
    assert json.loads((tmp_path / "shown/table.json").read_text())["rows"][1][0]["label"] == "newton"
    assert "<title>Some &amp; more</title>" in (tmp_path / "shown/report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "outputs/report").exists() or written(tmp_path / "outputs/report") == []


def test_figures_and_records_as_files(gsu: Gsu, tmp_path: Path) -> None:
    lay_out(tmp_path / "runs", {str(lr): costly(lr, 0.1 - lr / 2, lr=lr) for lr in (0.01, 0.1)})
    typed = gsu("report", "runs=runs", "format=[svg,pdf,records]", "output=kept")
    assert (typed.code, typed.err) == (0, ""), typed
    figures = [f"{name}.{kind}" for kind in ("pdf", "svg") for name in ("along-method.lr", "what-forgetting-cost")]
    assert written(tmp_path / "kept") == sorted([*figures, ".gsu-report.json", "records.json"])
    again = gsu("report", "runs=kept/records.json", "format=markdown", "output=again.md")
    assert again.code == 0, again.err
    assert gsu("report", "runs=runs", "format=markdown", "output=first.md").code == 0
    first, second = ((tmp_path / name).read_text("utf-8").splitlines()[2:] for name in ("first.md", "again.md"))
    assert first == second, "a list of records holds all that tables need"
    several = gsu("report", "runs=runs", "format=png", "output=one.png")
    assert (several.code, several.err) == (
        2, "gsu: `output` must be a folder for several figures; found one.png for 2. Type output=one\n"
    )  # fmt: skip
    lay_out(tmp_path / "single", {"a": run(1)})
    none = gsu("report", "runs=single", "format=svg", "output=one.svg")
    assert none.code == 2
    assert "`format=svg` needs runs with a figure" in none.err


def test_runs_of_no_table_are_counted(gsu: Gsu, tmp_path: Path) -> None:
    apart = {"again": replace(run(1), verb="evaluate"), "fitted": replace(run(1), verb="train")}
    lay_out(tmp_path / "apart", apart)
    typed = gsu("report", "runs=apart")
    assert typed.code == 0, typed.err
    assert "1 of `gsu evaluate` and 1 of `gsu train` stand in the page's list of runs alone" in " ".join(
        typed.out.split()
    )


def test_one_file(gsu: Gsu, outputs: Path, tmp_path: Path) -> None:
    assert gsu("report", f"runs=[{outputs}/ascent,{outputs}/newton/1]", "format=markdown", "output=some/t.md").code == 0
    assert written(tmp_path / "some") == [".gsu-report.json", "t.md"]
    text = (tmp_path / "some/t.md").read_text(encoding="utf-8")
    starts = [line.split()[1] for line in text.splitlines() if line.startswith(("| ascent", "| newton"))]
    assert starts == ["ascent", "ascent", "newton"] * 2, "more columns than seven stand in two parts"


@pytest.mark.parametrize("words", ["output=shown format=csv", "format=terminal", "columns=list"])
def test_what_goes_elsewhere_needs_no_folder_of_results(gsu: Gsu, outputs: Path, tmp_path: Path, words: str) -> None:
    """Where gsu is started nothing may be writable; a file in the place of the folder is as good as that."""
    runs = outputs.rename(tmp_path / "runs")
    outputs.parent.rmdir()
    outputs.parent.write_text("mine", encoding="utf-8")
    before = set(Path(tempfile.gettempdir()).glob("gsu-????????"))
    typed = gsu("report", f"runs={runs}", *words.split())
    assert (typed.code, typed.err) == (0, "")
    assert outputs.parent.read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "shown/table.csv").exists() == words.startswith("output")
    assert set(Path(tempfile.gettempdir()).glob("gsu-????????")) <= before, "nothing is left"
    assert "found outputs/report/" in gsu("report", f"runs={runs}").err, "a page needs one"


@pytest.mark.parametrize(
    ("place", "names"),
    [("shown", ("report.html", "table.csv")), ("shown/t.csv", ("t.csv",))],
)
def test_a_report_replaces_only_what_gsu_wrote(gsu: Gsu, outputs: Path, place: str, names: tuple[str, ...]) -> None:
    kinds = "csv" if place.endswith("csv") else "[csv,html]"
    line = ("report", f"runs={outputs}", f"output={place}", f"format={kinds}")
    folder = outputs.parents[1] / "shown"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("my own", encoding="utf-8")
        typed = gsu(*line)
        assert (typed.code, "written to" in typed.out) == (2, False)
        assert "must replace no file but those that gsu wrote and nobody changed" in typed.err
        assert f"found shown/{name}. Name another place with output=, or type replace=true" in typed.err
        assert written(folder) == [name]
        assert (folder / name).read_text(encoding="utf-8") == "my own"
        (folder / name).unlink()
    assert gsu(*line).code == 0
    assert gsu(*line).code == 0, "a second time: they are its own"
    (folder / names[0]).write_text("my caption", encoding="utf-8")
    assert f"found shown/{names[0]}." in gsu(*line).err, "changed since"
    assert gsu(*line, "replace=true").code == 0
    assert "my caption" not in (folder / names[0]).read_text(encoding="utf-8")
    assert gsu(*line).code == 0


def test_a_key_that_no_run_has(gsu: Gsu, outputs: Path) -> None:
    typed = gsu("report", f"runs={outputs}", "by=[method,method.lrr]")
    assert (typed.code, typed.err.count("\n")) == (2, 1)
    assert "each key of `by` must be one that a run has; found method.lrr. Did you mean 'method.lr'?" in typed.err


def test_a_folder_may_have_a_dot_in_its_name(gsu: Gsu, outputs: Path, tmp_path: Path) -> None:
    assert gsu("report", f"runs={outputs}", "output=tables.v2", "format=csv").code == 0
    assert written(tmp_path / "tables.v2") == [".gsu-report.json", "table.csv"]


def test_chosen_columns_stand_in_every_format(gsu: Gsu, outputs: Path, tmp_path: Path) -> None:
    words = ["columns=[runs,feature_ratio]", "format=[terminal,csv,html]", "output=t", "by=[method]"]
    typed = gsu("report", f"runs={outputs}", *words)
    assert typed.code == 0, typed.err
    (head, *_) = csv.reader(io.StringIO((tmp_path / "t/table.csv").read_text()))
    assert [name for name in head if ":" not in name] == ["method", "runs", "feature ratio (CNN)", "notes"]
    page = (tmp_path / "t/report.html").read_text(encoding="utf-8")
    assert "identity" not in page[page.index('id="tables"') : page.index('id="runs"')]
    assert "not shown" not in typed.out
    assert "failed" not in typed.out.split("2 runs")[0].replace("failed:", "")


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["filter.method=ascent", "by=[method,forget]"], ["ascent class 1", "ascent class 2"]),
        (["filter.forget=class_2", "by=[method,forget]"], ["ascent class 2", "newton class 2"]),
        (["filter.method=[newton,ascent]", "filter.status=failed", "by=[method,forget]"], ["newton class 3"]),
    ],
)
def test_some_of_the_runs(gsu: Gsu, outputs: Path, tmp_path: Path, words: list[str], rows: list[str]) -> None:
    assert gsu("report", *words, "format=csv", "output=some.csv").code == 0
    table = list(csv.reader(io.StringIO((tmp_path / "some.csv").read_text(encoding="utf-8"))))[1:]
    assert [" ".join(row[:2]) for row in table] == rows


def test_filters_that_leave_nothing_say_what_there_is(gsu: Gsu, outputs: Path) -> None:
    typed = gsu("report", "filter.method=salun")
    assert (typed.code, typed.err) == (
        2,
        "gsu: filter.method=salun must leave runs; found none of 5. Choose among method newton (3), ascent (2).\n",
    )
    assert "`filter.status` must be one of" in gsu("report", "filter.status=good").err


def test_a_report_sorts_its_rows_by_a_column_that_it_need_not_show(gsu: Gsu, tmp_path: Path) -> None:
    changes = {"ascent": 0.04, "newton": 0.01, "moon": 0.09}
    lay_out(tmp_path / "outputs", {m: costly(0.01, after, method=m) for m, after in changes.items()})
    for sort, rows in (
        ("feature_ratio", ["newton", "ascent", "moon"]),
        ("-feature_ratio.cnn", ["moon", "ascent", "newton"]),
    ):
        assert gsu("report", f"sort={sort}", "columns=runs", "format=csv", "output=a.csv").code == 0
        table = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8"))))
        assert [row[0] for row in table[1:]] == rows
    typed = gsu("report", "sort=retain_loss")
    assert (typed.code, typed.err.partition("found ")[2]) == (2, "retain_loss. Did you mean 'heldout_loss_retain'?\n")


def test_the_names_of_columns(gsu: Gsu, outputs: Path, tmp_path: Path) -> None:
    typed = gsu("report", f"runs={outputs}", "columns=list")
    assert typed.code == 0, typed.err
    names = [line.split()[0] for line in typed.out.splitlines() if line.startswith(" ") and line.strip()]
    assert {"feature_ratio.cnn", "heldout_loss_retain", "seconds", "gradients", "runs", "failed"} <= set(names)
    assert not list(tmp_path.glob("outputs/report/*/*"))
    for name in names[2:]:
        assert gsu("report", f"runs={outputs}", f"columns={name}", "format=terminal").code == 0, name


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_what_is_printed_fits_the_terminal(
    gsu: Gsu, outputs: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for asked in ([], ["columns=all"]):
        typed = gsu("report", "format=terminal", *asked)
        assert typed.code == 0, typed.err
        lines = [line for line in typed.out.splitlines() if not line.startswith("NOTE")]
        assert max(map(len, lines)) <= width
    assert "not shown" not in typed.out
    assert typed.out.count("Unlearned") > (width < 100)


def test_compacted_records_of_the_docs(gsu: Gsu, tmp_path: Path) -> None:
    results = Path(__file__).parents[2] / "docs/results/digits/records.json"
    typed = gsu("report", f"runs={results}", "format=terminal")
    assert typed.code == 0, typed.err
    assert "fisher_surgery" in typed.out
    assert "Retrained without the forgotten data" in typed.out
    assert written(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs=nowhere"], "`runs` must name folders or records that exist; found nowhere"),
        (["runs=[]"], "`runs` must name at least one place"),
        (
            ["format=htm"],
            "`format` must be one of html, markdown, latex, csv, json, terminal, svg, pdf, png, records; found htm. "
            "Did you mean",
        ),
        (["format=[]"], "`format` must be one of"),
        (["format=md"], "found md. Did you mean 'markdown'?"),
        (["format=tex"], "found tex. Did you mean 'latex'?"),
        (["output=t.md"], "`output` must end as a file of its format does; found t.md for html. Type format=markdown"),
        (["output=t.md", "format=csv"], "Type format=markdown, or output=t.csv\n"),
        (["replace=maybe"], "`replace` must be true or false; found maybe"),
        (["by=methd"], "`by` must hold method, forget"),
        (["by=methd"], "found methd. Did you mean 'method'?"),
        (["output=x.html", "format=[html,csv]"], "`output` must be a folder for several formats"),
        (["columns=[]"], "`columns` must be list, all, or names of columns"),
        (["columns=[list,runs]"], "Type columns=list to see the names"),
        (["pictures=-1"], "`pictures` must be an integer >= 0; found -1"),
    ],
)
def test_what_is_refused(gsu: Gsu, outputs: Path, tmp_path: Path, words: list[str], said: str) -> None:
    typed = gsu("report", *words)
    assert (typed.code, typed.out) == (2, "")
    assert said in typed.err
    assert typed.err.count("\n") == 1
    assert not list(tmp_path.glob("outputs/report/*/*"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("nonsense", "names among feature_ratio.cnn"),
        ("[feature_ratio.cmn]", "Did you mean 'feature_ratio.cnn'"),
        ("retain_los", "Did you mean 'heldout_loss_retain'?"),
    ],
)
def test_a_column_that_no_run_has(gsu: Gsu, outputs: Path, tmp_path: Path, asked: str, said: str) -> None:
    typed = gsu("report", f"columns={asked}")
    assert typed.code == 2
    assert "`columns` must hold all, or names among" in typed.err
    assert said in typed.err
    assert typed.err.count("\n") == 1
    assert not list(tmp_path.glob("outputs/report/*/*"))


def test_no_run_at_all(gsu: Gsu, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    typed = gsu("report", "runs=empty")
    assert typed.code == 1
    assert "there must be at least one run to report; found none in empty. " in typed.err
    (tmp_path / "empty/record.json").write_text('{"verb": "unle')
    typed = gsu("report", "runs=empty")
    assert typed.code == 1
    assert "found none in empty that can be read, and 1 that cannot: the notes say why." in typed.err
    assert "must be readable JSON" in typed.out


def test_a_report_needs_no_torch(outputs: Path, tmp_path: Path) -> None:
    """Seconds of waiting for a page of text."""
    code = "import sys; from gsu_cli.cli import main; assert main(['report']) == 0; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
