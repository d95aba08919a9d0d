"""The field's words: an old word of this project that has a better one does not come back.

`python tests/test_words.py` prints how often each stands where.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = {
    "src": ("src/gsu_cli", (".py", ".j2", ".md")),
    "conf": ("conf", (".yaml",)),
    "docs": ("docs", (".md",)),
    "pages": (".", ("README.md", "CONTRIBUTING.md")),
    "scripts": ("scripts", (".py",)),
}
OLD = {  # word: what is said instead
    r"(?:\w+_)?(?:drawn|drawings?|draws|redrawn?|redraws?)(?:_\w+)?": "generated, sample, generates",
    r"\w*[tT]wins?\w*": "retrained reference",
    r"\w*[gG]auges?\w*": "retain cost",
    r"\w*[kK]nobs?\w*": "strength",
    r"home side": "biased in its own favour",
    r"neg_elbo_\w+": "heldout_loss_retain, heldout_loss_forget, sample_nll_retrained",
    r"identity_distance\w*": "retained_shift",
    r"Scene|Subject|Ground|Influence(?!-function)": "EvaluationContext, EvaluatedModel, StepProblem, FisherSolver",
    r"def (?:wholes?|found|shown|meant)": "as_int, as_ints, as_text: what it is",
    r"wholes|(?:own_)?(?:rise|raise)_of|(?:search|found|best)\.rise": "as_ints, increase_of, relative_increase",
    r"meant(?= =|,|\.\w)": "target_latents: what it is",
    r"(?:^|(?:table|method)\.)(?:thin|beside|levels|corrected)(?=[:=])": "subset, references, absolute, ekfac",
}
MODULES = {"comma", "along", "shape", "foreign", "listening", "parts", "twin", "scene", "subject", "gauge", "knob"}
"""Names of earlier files. Today's are csv, sweep_plot, validate, import_weights, progress, assemble."""
STAYS = {  # file: (pattern of the lines in which an old word is right, why)
    "src/gsu_cli/metrics/sample_nll.py": (r'derive\(.*"drawn"\)', "the name of a stream: another moves numbers"),
    "src/gsu_cli/data/avatars.py": (r"drawn_by", "the packages that draw cartoons; a key of the cache"),
    "src/gsu_cli/data/mnist.py": (r"tqdm draws", "it draws a progress bar"),
    "src/gsu_cli/errors.py": (r'"|>>>', "former names, which a line is answered with"),
    "src/gsu_cli/run/schema.py": (r'"', "former names, which old records have"),
    "src/gsu_cli/run/moved_classes.py": (r'"', "former class paths"),
    "src/gsu_cli/verbs/protocol.py": (r'"knob"', "the attribute of classes written before"),
    "src/gsu_cli/tables/kept.py": (r'"checkpoint.twin="', "a word of kept commands"),
    "scripts/reference_distance.py": (r'"twin(_sha256| distance)?"', "a stream's name, and keys of kept files"),
    "docs/record.md": (r"^\|", "the table of former names, and headlines"),
    "docs/results": (r"", "rendered from records, whose commands are kept as they were typed"),
}


def files(place: str) -> list[Path]:
    folder, endings = PLACES[place]
    found = (ROOT / folder).glob("*.md") if folder == "." else (ROOT / folder).rglob("*")
    return sorted(path for path in found if path.name.endswith(endings) and path.is_file())


def standing(place: str, word: str) -> list[str]:
    """``file:line`` of every use of an old word that has no reason to stay."""
    found = []
    for path in files(place):
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        stays = next((re.compile(rule) for start, (rule, _) in STAYS.items() if name.startswith(start)), None)
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(rf"\b(?:{word})\b", line) and not (stays and stays.search(line)):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", OLD, ids=lambda word: re.sub(r"\W+", "-", word))
def test_no_old_word_stands(place: str, word: str) -> None:
    assert standing(place, word) == [], f"say {OLD[word]}"


def test_no_module_has_an_old_name() -> None:
    modules = {path.stem for place in ("src", "scripts") for path in files(place)}
    assert len(modules) > 100
    assert not modules & MODULES


CONTROLS = [
    "lr: 1  # what is drawn instead", "found = open_twin(cfg)", "class Gauge:", "knob = LR", "the home side",
    "neg_elbo_retain", "identity_distance", "scene = Scene(1)", "def whole(x):", "search.rise", "made, meant = sites",
    "thin: {rows: [a]}",
]  # fmt: skip


def test_every_old_word_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a line for each word."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/a.yaml").write_text("\n".join(CONTROLS), encoding="utf-8")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for number, (word, line) in enumerate(zip(OLD, CONTROLS, strict=True), 1):
        assert f"conf/a.yaml:{number}: {line}" in standing("conf", word)


if __name__ == "__main__":
    for word, instead in OLD.items():
        counts = ", ".join(f"{place} {len(standing(place, word))}" for place in PLACES)
        print(f"{word} ({instead}): {counts}")
