"""Every page of docs/results, from the records beside it. A script, as only this repository has these pages.

python scripts/results.py            # all pages; a test compares them with what is kept
python scripts/results.py paper      # one
gsu report runs=outputs/reproduce/paper/records.json format=records output=docs/results/paper/records.json  # a new run

`gsu reproduce table=paper records=docs/results/paper/records.json` makes the same table. A folder of docs/results is
named like a table of conf/table; it holds ``records.json``, ``table.md`` and plots.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

import chosen_targets
import digit_distances
import faces
import intervals
import own_shares
import single_samples
import time_to_forget
import untouched_digits
from gsu_cli.report import columns, overview, run_table
from gsu_cli.report.audit import markdown
from gsu_cli.report.compact import read_compact
from gsu_cli.report.figures.audit import figures
from gsu_cli.report.figures.files import standalone
from gsu_cli.report.formats.markdown import render
from gsu_cli.report.keys import default_keys
from gsu_cli.report.memo import unchanged
from gsu_cli.report.reproduced import pictures, table
from gsu_cli.report.table import Cell, Table
from gsu_cli.report.table import text as written
from gsu_cli.run.files import sha256_of, write_text
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.record import Record
from gsu_cli.tables import kept
from gsu_cli.tables.cell import Outcome
from gsu_cli.tables.spec import TableSpec

ROOT = Path(__file__).parent.parent
TABLES, RESULTS = ROOT / "conf" / "table", ROOT / "docs" / "results"
ARCHIVE, DEMO, AUDIT = "archive", "demo", "audit"
CHANGES = {"leaderboard_avatars": ["seeds=[1]"]}  # of the yaml: what was run of it
SECTIONS = {
    "avatars": (faces.others, faces.fresh),
    "celeba": (faces.others, faces.distances),
    "did_it_forget_samples": (intervals.section,),
    "fresh_models": (chosen_targets.section,),
    "leaderboard_avatars": (faces.fresh,),
    "digits": (untouched_digits.section, digit_distances.section),
    "quickest": (time_to_forget.seeds,),
    "robustness": (own_shares.section,),
    "time_to_forget": (time_to_forget.section,),
}  # what stands below a table; each takes the folder
NARROW = """Intervals are as they were measured, of most by the normal quantile: of 20 images they are 7 % too narrow,
of ten images or twelve models an eighth. Those of twelve and of fifty models were measured anew. ± 0 beside an AUC of 1
or a percentile of 0 says only that no pair was on the other side. [Now](../../audit.md#how-it-works) Student's and
Newcombe's are taken. Those of true positives at 1 % false ones take the score above which 1 % of the others lie as
known, but for twelve and fifty models: of 20 members and 100 others it is not, and 1.00 is 0 to 1, 0.2 is 0 to 0.42 at
least."""


def spec_of(name: str) -> TableSpec:
    """The table of conf/table, as far as it was run."""
    config = OmegaConf.merge(OmegaConf.load(TABLES / f"{name}.yaml"), OmegaConf.from_dotlist(CHANGES.get(name, [])))
    if not isinstance(config, DictConfig):
        raise SystemExit(f"{name} is no mapping")
    values = OmegaConf.to_container(config, resolve=True)
    return TableSpec.of({str(k): v for k, v in dict(values).items()})  # type: ignore[arg-type]  # a mapping: see above


def outcomes(name: str, spec: TableSpec) -> list[Outcome]:
    """The cells with their records."""
    with initialize_config_dir(str(TABLES.parent.resolve()), version_base="1.3"):  # for lines with glob(*)
        return kept.outcomes(spec, read_compact(RESULTS / name / "records.json"))


def weights(records: Iterable[Record]) -> str:
    """Which originals the numbers are of: files that ship by name, others by their sha256."""
    found = {m.sha256 for r in records for m in r.measurements if m.subject == "original" and m.sha256}
    return ", ".join(sorted(shipped().get(sha256, f"{sha256[:12]} (does not ship)") for sha256 in found))


@cache
def shipped() -> dict[str, str]:
    """Name of each file of weights that ships, by its sha256; 45 MB to read."""
    return {sha256_of(path): f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.safetensors")}


def facts(records: list[Record]) -> str:
    versions = {f"torch {v['torch']}" for r in records if (v := r.versions or {}).get("torch")}
    refused = sum(r.status == "n/a" for r in records)
    failed = sum(r.status != "done" for r in records) - refused
    count = f"{len(records)} run{'s' * (len(records) != 1)}, {failed} failed"
    count += f", {refused} of methods that do not apply" if refused else ""
    return f"{count}. Weights: {weights(records)}. {', '.join(sorted(versions))}."


@unchanged()
def pages(name: str) -> dict[Path, str]:
    """File and text of all that is rendered of one table."""
    spec, folder = spec_of(name), RESULTS / name
    cells = outcomes(name, spec)
    changes = "".join(f" 'table.{change}'" for change in CHANGES.get(name, ()))
    records = [o.record for o in cells if o.record is not None]
    plots = {folder / file: text for file, text in pictures(spec, cells).items()}
    parts = [
        f"# {spec.title or name}",
        f"```bash\ngsu reproduce table={name}{changes}\n```",
        f"{facts(records)} Rendered by `python scripts/results.py {name}` from [the records](records.json).",
        render(table(spec, cells)).split("\n", 2)[2].strip(),
        *(f"![{file.stem.replace('-', ' ')}]({file.name})" for file in sorted(plots)),
        *(section(folder).strip() for section in SECTIONS.get(name, ())),
    ]
    return {folder / "table.md": "\n\n".join(parts) + "\n", **plots}


@unchanged()
def archived(path: Path) -> str:
    """The page of one list in the archive: what it is and shows, the leading columns, and the rest folded away."""
    records = read_compact(path)
    found = overview.tables(records, default_keys(records))
    model, why = _cited(path)
    leading = list(dict.fromkeys(c.name for c in found[0].columns if c.leads))
    main = replace(columns.chosen(found[:1], [*leading, "runs"])[0], footnotes=(), title="")
    parts = [
        f"# {path.stem.replace('_', ' ')}",
        f"Of {model}. Why it is kept: {why}.",
        f"In {len(main.rows)} row{'s' * (len(main.rows) != 1)}: {'; '.join(_ranges(main))}.",
        render(main).strip(),
        f"{facts(records)} As `gsu report` groups [the records]({path.name}); [the archive](README.md).",
    ]
    for one in found:
        body = render(one).split("\n", 2)[2].strip()
        parts.append(f'<details markdown="1">\n<summary>{one.title}: all columns</summary>\n\n{body}\n\n</details>')
    return "\n\n".join(parts) + "\n"


def _cited(path: Path) -> tuple[str, str]:
    """Of which model a list is and why it is kept, as the archive's page says."""
    lines = (path.parent / "README.md").read_text("utf-8").splitlines()
    (line,) = (x for x in lines if x.startswith(f"| [{path.stem}]"))
    _, _, model, why, _ = (cell.strip() for cell in line.split("|"))
    return model, why


def _ranges(table: Table) -> list[str]:
    """Of each column of numbers the least and the most."""
    said = []
    for i, column in enumerate(table.columns):
        values = [v for row in table.rows if (v := row[i].value) is not None]
        if values and column.leads:
            ends = [written(Cell(value=v), column) for v in (min(values), max(values))]
            said.append(f"{column.head} {ends[0]}" + (f" to {ends[1]}" if ends[0] != ends[1] else ""))
    return said


def demo(path: Path) -> str:
    """The closing table of the one run that `make demo` makes."""
    (record,) = read_compact(path)
    body = run_table.markdown(record)
    return f"# The demo\n\n```bash\nmake demo\n```\n\n{facts([record])} [Record](records.json).\n\n{body}"


def bench() -> str:
    """The figures of `make bench`."""
    found = json.loads((RESULTS / "bench" / "bench.json").read_text("utf-8"))
    kept = json.loads((RESULTS / "bench" / "before.json").read_text("utf-8"))
    before = {f["name"]: f["value"] for f in kept["figures"]}
    rows = [
        (
            f["name"],
            f"{f['value']:.3g}",
            f"{f['low']:.3g} to {f['high']:.3g}" if "low" in f else "-",
            f"{before[f['name']]:.3g}" if f["name"] in before else "-",
            "-" if "None" in f["bound"] else f"{f['bound'].split()[0]} {float(f['bound'].split()[1]):.3g}",
            f["from"],
        )
        for f in found["figures"]
    ]
    made = f"{found['threads']} threads, torch {found['torch']}, {found['source']}. [Figures](bench.json), "
    made += "[before](before.json), [growth](scaling.json). How it grows: [Speed](../../speed.md). "
    made += "A value is the median of its rounds, beside the least and the greatest; `-`: one run."
    table = faces.grid(("figure", "value", "rounds", "before", "target", "from"), rows)
    return f"# Speed\n\n```bash\nmake bench\n```\n\n{made}\n\n{table}\n{pairs(RESULTS / 'bench' / 'pairs.json')}"


def pairs(path: Path) -> str:
    """The figures of two builds in turn, where they were measured."""
    if not path.exists():
        return ""
    found = json.loads(path.read_text("utf-8"))
    rows = [(f["name"], f"{f['value']:.3g}", f["bound"], f["from"]) for f in found["figures"]]
    only = " ".join(["--runs", str(found["runs"]), "--only", *found["only"]])
    line = f"```bash\npython scripts/bench_pair.py --before {found['before'][:7]} {only}\n```"
    made = f"CPU time of this build against that one's, {found['threads']} thread each. [Figures]({path.name})."
    table = faces.grid(("figure", "ratio", "target", "from"), rows)
    return f"\n## Beside the build before\n\n{line}\n\n{made}\n\n{table}\n"


def audits(paths: Iterable[Path]) -> dict[Path, str]:
    """The findings of kept audits, one after the other, and their figures."""
    parts, found = ["# Audits", NARROW], dict[Path, str]()
    for path in sorted(paths):
        audit = json.loads(path.read_text("utf-8"))
        run, command = (" ".join(audit["commands"][key]) for key in ("run", "audit"))
        commands = "\n".join([run, re.sub(r"run=\S+", "run=<its folder>", command)])
        title = audit["forget"] if path.stem == audit["forget"].replace(" ", "_") else path.stem.replace("_", " ")
        plots = {path.with_name(f"{path.stem}.{name}.svg"): figure for name, figure in figures(audit).items()}
        found |= {plot: standalone(figure) for plot, figure in plots.items()}
        parts += [
            f"## {title}",
            f"```text\n{commands}\n```",
            f"[Findings]({path.name}).",
            *(f"![{figure.title} of {title}]({plot.name})" for plot, figure in plots.items()),
            markdown(audit),
        ]
    return {RESULTS / AUDIT / "table.md": "\n\n".join(part.strip() for part in parts) + "\n", **found}


def single_images() -> dict[Path, str]:
    """The page of images forgotten one by one, its table made anew: ten memorised ones, then the typical ones."""
    page = RESULTS / AUDIT / "samples" / "table.md"
    found = json.loads(page.with_name("images.json").read_text("utf-8"))
    order = [int(image) for image in found["images"]]
    body = single_samples.table(found, {"memorised": order[:10], "typical": order[10:]})
    return {page: re.sub(r"^\| images \|.*?(?=\n\n)", body, page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)}


def everything(names: Iterable[str] = ()) -> dict[Path, str]:
    """All pages, or those of some tables."""
    wanted = set(names)
    tables = sorted(path.parent.name for path in RESULTS.glob("*/records.json") if path.parent.name != DEMO)
    found: dict[Path, str] = {}
    for name in tables:
        if not wanted or name in wanted:
            found |= pages(name)
    if not wanted or DEMO in wanted:
        found[RESULTS / DEMO / "table.md"] = demo(RESULTS / DEMO / "records.json")
    if not wanted or "bench" in wanted:
        found[RESULTS / "bench" / "table.md"] = bench()
    if not wanted or AUDIT in wanted:
        found |= audits((RESULTS / AUDIT).glob("*.json")) | single_images()
    if not wanted or ARCHIVE in wanted:
        found |= {path.with_suffix(".md"): archived(path) for path in sorted((RESULTS / ARCHIVE).glob("*.json"))}
    return found


def main() -> None:
    for path, text in everything(sys.argv[1:]).items():
        if not path.exists() or path.read_text("utf-8") != text:
            write_text(path, text)
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
