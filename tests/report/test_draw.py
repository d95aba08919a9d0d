"""What is drawn: in the reader's colours, with words for each mark, the same bytes for the same input."""

from __future__ import annotations

import ast
import logging
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gsu_cli.report.figures import canvas, draw, palette, svg
from gsu_cli.report.figures.chart import COLOURS, REFERENCE, Axis, Chart, Figure, Point, Series
from gsu_cli.report.figures.files import KINDS, file_name, write_figure
from gsu_cli.report.figures.labels import SIDES
from gsu_cli.report.figures.scales import Scale
from gsu_cli.report.figures.ticks import plain
from later import Later

matplotlib = Later("matplotlib")  # half a second
UNIT = Axis.of(Scale("linear", 0, 1), "along", plain)
SPACE = "{http://www.w3.org/2000/svg}"


def chart(*series: Series) -> Chart:
    return Chart("a title", "what it shows", UNIT, UNIT, series)


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter(f"{SPACE}text")]


def test_a_mark_says_what_it_is_and_text_is_text() -> None:
    picture = svg.inline(chart(Series("s", 0, [Point(0.5, 0.5, "here & <b>", label="$x_1$ 数")])), "c")
    root = ET.fromstring(picture)
    assert [t.text for t in root.iter(f"{SPACE}title")] == ["a title", "here & <b>"]
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "c-t c-d")
    assert "$x_1$ 数" in texts(picture)
    assert "<b>" not in picture


def test_colours_are_the_readers() -> None:
    every = [Series(str(i), i, [Point(0.1, 0.1, "")]) for i in (REFERENCE, *range(COLOURS))]
    picture = svg.inline(chart(*every), "c")
    assert not re.search("#[0-9a-f]{6}", picture.replace("#c-", "")), "a colour that no style can turn dark"
    for name in palette.LIGHT:
        assert f"var(--{name})" in picture
    assert palette.LIGHT.keys() == palette.DARK.keys()
    assert len({*palette.LIGHT.values()}) == len(palette.LIGHT), "a colour is known by its value"


def test_intervals_are_cut_off_at_the_frame() -> None:
    picture = ET.fromstring(svg.inline(chart(Series("s", 0, [Point(0.5, 0.5, "", y_span=(-5.0, 5.0))])), "c"))
    (line,) = (p for p in picture.iter(f"{SPACE}path") if "stroke-opacity" in p.get("style", ""))
    (frame,) = (r for r in picture.iter(f"{SPACE}clipPath"))
    assert line.get("clip-path") == f"url(#{frame.get('id')})"
    (box,) = frame
    assert [float(box.get(k, "")) for k in ("x", "y", "width", "height")] == [56, 26, 322, 230]


def places(*points: Point) -> dict[str, str]:
    """Of each label that is written, at which side of its mark it begins."""
    with canvas.settings():
        (axes,) = draw.one(chart(Series("s", 0, points))).axes
        return {t.get_text(): t.get_horizontalalignment() for t in axes.texts}


def test_a_label_hides_no_mark_and_no_other_label() -> None:
    found = places(Point(0.5, 0.5, "", "here"), Point(0.55, 0.5, ""), Point(0.6, 0.5, "", "last"))
    assert found == {"here": "right", "last": "left"}
    assert places(Point(0.5, 0.5, "", "a"), Point(0.5, 0.5, "", "b")) == {"a": "left", "b": "right"}
    many = places(*(Point(0.5, 0.5, "", f"label {k}") for k in range(20)))
    assert {"label 0", "label 1", "label 2", "label 3"} <= many.keys() < {f"label {k}" for k in range(20)}
    assert len(many) <= len(SIDES)


def test_a_label_without_room_is_left_out() -> None:
    assert places(Point(0.5, 0.5, "", "x" * 200)) == {}


def test_a_title_without_room_is_cut_and_said_whole() -> None:
    title = "a title that is long " * 5
    picture = svg.inline(replace(chart(), title=title), "c")
    (cut,) = (t for t in texts(picture) if t.startswith("a title"))
    assert cut.endswith("...")
    assert len(cut) < 70 < len(title)
    assert ET.fromstring(picture)[0].text == title


def test_the_same_input_gives_the_same_bytes_whatever_the_settings_of_the_user(tmp_path: Path) -> None:
    figure = Figure("A figure", "words", (chart(Series("s", 0, [Point(0.2, 0.3, "", "s")], joined=True)),))
    for kind in KINDS:
        write_figure(tmp_path / f"a.{kind}", figure)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path", "axes.grid": False}):
        for kind in KINDS:
            write_figure(tmp_path / f"b.{kind}", figure)
            assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes(), kind
        with canvas.settings(), canvas.settings():
            assert matplotlib.rcParams["font.size"] == 12
        assert matplotlib.rcParams["font.size"] == 30, "the user's own are left as they were"
    assert file_name(figure, "pdf") == "a-figure.pdf"


def test_a_file_has_its_legend_and_its_words() -> None:
    known = Series("known", REFERENCE, [Point(0.5, 0.5, "")])
    both = (chart(Series("s", 0, [Point(0.1, 0.1, "")]), known), chart(known))
    found = texts(svg.standalone(Figure("f", "what it says", both, order=("known", "s"))))
    assert found[-3:] == ["known", "s", "what it says"]


def test_ids_of_two_pictures_on_a_page_are_apart() -> None:
    one = chart(Series("s", 0, [Point(0.1, 0.1, "")]))
    legend = list(one.series)
    pictures = [svg.inline(one, "a"), svg.inline(one, "b"), svg.signs(legend, "c")[0][0], svg.signs(legend, "d")[0][0]]
    ids = [found for picture in pictures for found in re.findall(r' id="([^"]*)"', picture)]
    assert len(ids) == len(set(ids)) > 4
    for picture in pictures:
        links = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', picture)
        assert {a or b for a, b in links} <= set(re.findall(r' id="([^"]*)"', picture))


@pytest.mark.parametrize("sign", ["mark", "star", "dotted"])
def test_a_sign_of_the_legend_is_that_of_the_chart(sign: str) -> None:
    series = Series("s", 3, [Point(0.1, 0.1, ""), Point(0.9, 0.1, "")], sign=sign)  # type: ignore[arg-type]
    looks = [
        {e.get("style") for e in ET.fromstring(p).iter() if "c3" in e.get("style", "")}
        for p in (svg.inline(chart(series), "a"), svg.signs([replace(series)], "b")[0][0])
    ]
    assert looks[0] == looks[1] != set()


def test_matplotlib_is_imported_where_something_is_drawn_and_nowhere_else() -> None:
    """Inside of functions, or for types alone: no line that draws nothing pays for it."""
    source = Path(draw.__file__).parents[2]
    users = {path.stem: ast.parse(text) for path in source.rglob("*.py") if "matplotlib" in (text := path.read_text())}
    assert {"canvas", "draw", "labels"} <= users.keys()
    for name, tree in users.items():
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "matplotlib" not in ast.unparse(node), name


def test_that_matplotlib_lists_the_fonts_is_no_warning_of_a_report(caplog: pytest.LogCaptureFixture) -> None:
    """It stood above the first report of a machine, and asked for nothing."""
    fonts = logging.getLogger("matplotlib.font_manager")
    with canvas.settings():
        fonts.warning("Matplotlib is building the font cache; this may take a moment.")
        fonts.warning("findfont: another")
    assert [record.getMessage() for record in caplog.records] == ["findfont: another"]
