"""A table of ``conf/table`` rendered from kept records: what `gsu reproduce` renders, without its folders of cells.

python scripts/render.py paper docs/results/paper.json docs/results/paper_table.md \
    'rows.CelebA_Male=dataset=celeba forget.attribute=Male evaluation.samples=4000'

A record belongs to the cell whose words are its command's, places of files and of results aside; cells without one are
holes. The last words change the yaml. With ``--pictures FOLDER`` the table's plots go there, the
table's name before theirs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from gsu_cli.report.compact import read_compact
from gsu_cli.report.reproduced import write_table
from gsu_cli.run.files import write_text
from gsu_cli.run.record import Record
from gsu_cli.run.tables import Outcome, TableSpec

TABLES = Path(__file__).parent.parent / "conf" / "table"
PLACES = ("checkpoint.path=", "checkpoint.twin=", "judge.cnn.path=", "hydra.", "method.prediction_images=")
DEFAULT = "method=fisher_surgery"  # the same typed or not


def key(words: Iterable[str]) -> frozenset[str]:
    """What decides the numbers of a command's words.

    >>> sorted(key(["gsu", "unlearn", "seed=1", "method=fisher_surgery", "hydra.run.dir=x", "forget.class=1"]))
    ['forget.class=1', 'seed=1']
    """
    return frozenset(w for w in words if "=" in w and not w.startswith(PLACES) and w != DEFAULT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="name of a file in conf/table")
    parser.add_argument("records", type=Path)
    parser.add_argument("target", type=Path, help="Markdown file")
    parser.add_argument("changes", nargs="*", help="key=value, of the yaml")
    parser.add_argument("--pictures", type=Path, help="folder of the plots; none are kept if left out")
    args = parser.parse_intermixed_args()
    config = OmegaConf.merge(OmegaConf.load(TABLES / f"{args.table}.yaml"), OmegaConf.from_dotlist(args.changes))
    if not isinstance(config, DictConfig):
        raise SystemExit(f"{args.table} is no mapping")
    values = OmegaConf.to_container(config, resolve=True)
    spec = TableSpec.of({str(k): v for k, v in dict(values).items()})  # type: ignore[arg-type]  # a mapping: see above
    found: dict[frozenset[str], Record] = {}
    for record in read_compact(args.records):
        if found.setdefault(key(record.command), record) is not record:
            raise SystemExit(f"two records of one cell: {' '.join(record.command)}")
    with initialize_config_dir(str(TABLES.parent.resolve()), version_base="1.3"):  # for lines with glob(*)
        outcomes = [Outcome(cell, "kept", found.pop(key(cell.overrides), None)) for cell in spec.cells()]
    with tempfile.TemporaryDirectory() as folder:
        command = ["gsu", "reproduce", f"table={args.table}", *(f"table.{change}" for change in args.changes)]
        write_table(Path(folder), spec, outcomes, command)
        write_text(args.target, (Path(folder) / "table.md").read_text("utf-8"))
        for path in Path(folder).glob("*.svg") if args.pictures else ():
            write_text(args.pictures / f"{args.table}-{path.name}", path.read_text("utf-8"))
    print(f"{sum(o.done for o in outcomes)} of {len(outcomes)} cells, {len(found)} records without a cell")
    for words in found:
        print("no cell:", " ".join(sorted(words)))


if __name__ == "__main__":
    main()
