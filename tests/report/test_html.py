"""The page: self-contained, whole, escaped, accessible; what did not work is on it."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gsu_cli.report.figures import palette
from gsu_cli.report.html import page, pictures
from gsu_cli.report.html.page import render
from gsu_cli.report.keys import default_keys
from gsu_cli.report.runs import collect
from gsu_cli.run.record import Record
from made_runs import costly, lay_out, run

VOID = {"meta", "img", "br", "path", "line", "polyline", "link", "input"}
EVIL = '<script>alert("x")</script><img src=http://evil.example/x onerror=alert(1)>'
HTML = Path(page.__file__).parent


class Reader(HTMLParser):
    """Elements with their attributes, text by element, and whether every element that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice on {tag}"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def made(folder: Path, **more) -> str:
    runs, broken = collect([folder])
    by = default_keys([record for _, record in runs])
    return render(runs, broken, by, title="Runs", command="gsu report", about="made by a test", **more)


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    runs: dict[str, Record | str] = {
        f"{method}/{digit}/{seed}/{lr}": costly(lr, 0.02 * digit, digit=digit, seed=seed, method=method, lr=lr)
        for method in ("ascent", "newton")
        for digit in (1, 2)
        for seed in (1, 2)
        for lr in (0.001, 0.1)
    }
    for record in runs.values():
        record.update["details"]["movement_per_layer"] = {"decoder.0.weight": 0.25, "decoder.2.weight": 0.5}
    runs["failed"] = run(3, status="failed", error=f"NonFiniteError: {EVIL}\nmore")
    runs["killed"] = run(4, status="running")
    runs["evil"] = run(5, method=EVIL)
    runs["older"] = run(6, schema=1)
    runs["truncated"] = '{"verb": "unl'
    runs["newer"] = '{"verb": "unlearn", "schema": 99}'
    runs["misshapen"] = '{"verb": "unlearn", "schema": 1, "config": {"method": 3}}'
    return made(lay_out(tmp_path_factory.mktemp("runs"), runs))


@pytest.fixture(scope="module")
def read(html: str) -> Reader:
    return Reader(html)


def test_it_is_whole(read):
    assert read.open == []
    assert read.all("html") == [{"lang": "en"}]
    (viewport,) = [m for m in read.all("meta") if m.get("name") == "viewport"]
    assert "width=device-width" in viewport["content"]
    assert read.texts["title"][0] == "Runs"


def test_nothing_comes_from_elsewhere(html, read):
    for tag, attributes in read.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            target = attributes.get(name, "#")
            assert target.startswith(("#", "data:image/")), (tag, target[:80])
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
    for file in ("style.css", "sort.js"):
        text = (HTML / file).read_text(encoding="utf-8")
        assert text.strip() in html
        assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|import\(", text)
    (policy,) = [m["content"] for m in read.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_text_of_records_stays_text(html, read):
    assert "<script>alert" not in html
    assert "evil.example" in html  # it is shown, escaped
    assert len(read.all("script")) == 1
    for _, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on")]


def test_links_lead_somewhere_and_ids_are_single(read):
    ids = Counter(attributes["id"] for _, attributes in read.elements if "id" in attributes)
    assert [name for name, n in ids.items() if n > 1] == []
    targets = {a["href"][1:] for a in read.all("a")}
    targets |= {word for _, a in read.elements for word in a.get("aria-labelledby", "").split()}
    assert targets <= ids.keys(), targets - ids.keys()


def test_pictures_and_charts_speak(read):
    images = read.all("img")
    assert len(images) == 18
    for image in images:
        assert image["src"].startswith("data:image/webp;base64,")
        assert image["alt"].startswith("Samples at the same latents by original, unlearned: mnist, forget class")
        assert "0.1000 before" in image["alt"]
        assert int(image["width"]) > 0
    charts = [svg for svg in read.all("svg") if svg.get("role") == "img"]
    assert len(charts) == 3, "a Pareto plot, and along method.lr the ratio and the cost"
    assert all(svg["aria-labelledby"].count(" ") == 1 for svg in charts)
    others = [svg for svg in read.all("svg") if svg.get("role") != "img"]
    assert all((svg["viewbox"], svg["aria-hidden"]) == ("0 0 16 16", "true") for svg in others)


def test_tables_have_heads_and_sort_by_numbers(read):
    assert all(head.get("scope") in ("col", "row") for head in read.all("th"))
    for tag, attributes in read.elements:
        if "data-value" in attributes:
            assert tag in ("td", "th")
            float(attributes["data-value"])
    assert sum("data-value" in a for a in read.all("td")) > 100
    assert all(table["class"] == "sortable" for table in read.all("table"))


def test_a_setting_sorts_as_a_number(read):
    values = [a.get("data-value") for a in read.all("td")]
    assert {"0.001", "0.1"} <= set(values)


def test_what_did_not_work_is_listed(html, read):
    text = " ".join(word for words in read.texts.values() for word in words)
    assert "2 not finished" in text
    assert "3 unreadable" in text
    assert EVIL.splitlines()[0] in text
    assert "NonFiniteError: " not in text
    assert "killed, or still at work" in text
    for name, why in (("truncated", "readable JSON"), ("newer", "schema"), ("misshapen", "config.method")):
        (line,) = [words for words in re.findall(r"<li><code>.*?</li>", html) if f"{name}/record.json" in words]
        assert why in line
    assert "older/record.json" not in text, "records of schema 1 are read as today's"


def test_every_run_has_its_command(html, read):
    codes = read.texts["code"]
    assert "gsu unlearn forget.class=1 method=ascent method.lr=0.1 seed=2" in codes
    assert html.count('<div class="command">') == 1 + 20


def test_diagnostics_are_folded(html):
    assert html.count("<summary>What the method noted, layer by layer</summary>") == 20
    assert "decoder.2.weight" in html


def test_the_script_closes_what_it_opens():
    """No engine is at hand in the quick tests; the browser test runs it."""
    text = re.sub(r'"(?:\\.|[^"\\\n])*"|//[^\n]*', "", (HTML / "sort.js").read_text(encoding="utf-8"))
    pairs = {")": "(", "]": "[", "}": "{"}
    stack: list[str] = []
    for letter in text:
        if letter in pairs.values():
            stack.append(letter)
        elif letter in pairs:
            assert stack, letter
            assert stack.pop() == pairs[letter]
    assert stack == []
    assert "'" not in text
    assert "`" not in text


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme):
    """4.5 for text, 3 for marks, WCAG 2.2 AA."""
    blocks = re.findall(r":root \{(.*?)\}", (HTML / "style.css").read_text(encoding="utf-8"), re.DOTALL)
    which = ["light", "dark"].index(scheme)
    colours = dict(re.findall(r"--(\w+): (#\w{6});", blocks[which])) | [palette.LIGHT, palette.DARK][which]
    for name in ("ink", "muted", "link", "good", "bad", "odd", *(f"c{i}" for i in range(8))):
        for ground in ("paper", "panel"):
            a, b = sorted((luminance(colours[name]), luminance(colours[ground])))
            least = 3.0 if re.fullmatch(r"c\d", name) else 4.5
            assert (b + 0.05) / (a + 0.05) >= least, f"{name} on {ground}"


def test_pictures_have_a_budget(tmp_path, monkeypatch):
    folder = lay_out(tmp_path, {f"{seed}": run(1, seed) for seed in range(5)})
    assert len(Reader(made(folder, most_pictures=2)).all("img")) == 2
    assert "3 more pictures left out" in made(folder, most_pictures=2)
    one = len(Reader(made(folder, most_pictures=1)).all("img")[0]["src"])
    monkeypatch.setattr(pictures, "MOST_BYTES", int(3.5 * one))
    html = made(folder)
    images = Reader(html).all("img")
    assert sum(len(image["src"]) for image in images) <= 3.5 * one
    assert len(images) in (3, 4)
    assert f"{5 - len(images)} more picture" in html


def test_each_setting_is_pictured_before_a_second_seed(tmp_path):
    folder = lay_out(tmp_path, {f"{d}/{s}": run(d, s) for d in (1, 2) for s in (1, 2)})
    alts = [image["alt"] for image in Reader(made(folder, most_pictures=2)).all("img")]
    assert ["class 1" in alts[0], "class 2" in alts[1]] == [True, True]


def test_a_large_picture_is_made_smaller_and_a_broken_one_is_listed(tmp_path):
    folder = lay_out(tmp_path, {"broken": run(1), "large": run(2)})
    (folder / "broken/samples.png").write_bytes(b"no picture")
    from PIL import Image

    Image.new("RGB", (3000, 30)).save(folder / "large/samples.png")
    html = made(folder)
    (image,) = Reader(html).all("img")
    assert (image["width"], image["height"]) == ("1100", "11")
    assert "Pictures that could not be read" in html


def test_many_runs_are_cut_and_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_RUNS", 2)
    html = made(lay_out(tmp_path, {f"{s}": run(1, s) for s in range(4)}))
    read = Reader(html)
    assert len([a for a in read.all("details") if a.get("id", "").startswith("run-")]) == 2
    assert "2 are left out" in html
    test_links_lead_somewhere_and_ids_are_single(read)


def test_runs_that_unlearn_nothing_make_a_page_without_tables(tmp_path):
    html = made(lay_out(tmp_path, {"a": Record("train", status="done", command=["gsu", "train"])}))
    assert '<section id="tables"' not in html
    assert "gsu train" in html
