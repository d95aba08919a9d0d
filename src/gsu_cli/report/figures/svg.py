"""matplotlib's SVG made fit for a page: small, in the reader's colours, and it says what each mark is.

Colours become variables of the page's style, so one picture serves light and dark readers. Fonts are the page's. What
a mark stands for is its ``<title>``, which a pointer shows and a screen reader says.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from markupsafe import Markup

from gsu_cli.report.figures import canvas, draw, palette
from gsu_cli.report.figures.chart import Chart, Figure, Point, Series, Sign

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FAMILY = "system-ui, sans-serif"
SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
PLACE = "sign-of-a-legend"  # stands for the name of a picture that many pages share
METADATA = {f"{SVG}metadata", f"{SVG}style"}
NUMBER = re.compile(r"-?\d+\.\d+")
COLOUR = re.compile("|".join(palette.LIGHT.values()))
VARIABLE = {value: f"var(--{name})" for name, value in palette.LIGHT.items()}
STYLE = (
    f"svg text {{ font-family: {FAMILY}; }}\n"
    "svg .label text { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }\n"
)


def style() -> str:
    """What the pictures ask of the style of a page."""
    return palette.style() + STYLE


def inline(chart: Chart, name: str) -> Markup:
    """A chart for a page; ``name`` is unique within it."""
    with canvas.settings():
        root = _tidy(draw.one(chart), name, _points(chart.series))
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-t {name}-d")
    for k, (tag, text) in enumerate((("title", chart.title), ("desc", chart.about))):
        said = ET.Element(f"{SVG}{tag}", {"id": f"{name}-{tag[0]}"})
        said.text = text
        root.insert(k, said)
    return _markup(root)


def signs(legend: Sequence[Series], name: str) -> list[tuple[Markup, str]]:
    """The sign and the name of each series of a legend, for a page; ``name`` is unique within it."""
    return [
        (Markup(_sign(s.index, s.sign).replace(PLACE, f"{name}-{k}")), s.name)  # noqa: S704  # ours
        for k, s in enumerate(legend)
    ]


@cache
def _sign(index: int, sign: Sign) -> str:
    with canvas.settings():
        root = _tidy(draw.sign(Series("", index, (), sign=sign)), PLACE, [])
    root.set("aria-hidden", "true")
    return str(_markup(root))


def standalone(figure: Figure) -> str:
    """The text of an SVG file that needs nothing else."""
    every = [p for chart in figure.charts for p in _points(chart.series)]
    with canvas.settings():
        root = _tidy(draw.sheet(figure), "f", every)
    root.set("role", "img")
    said, looks = ET.Element(f"{SVG}title"), ET.Element(f"{SVG}style")
    said.text, looks.text = figure.title, style()
    root[:0] = [said, looks]
    return str(_markup(root)) + "\n"


def _points(series: Sequence[Series]) -> list[Point]:
    """Those that are plotted as marks, in the order in which they are."""
    return [p for s in series if s.sign not in ("dotted", "stairs") for p in s.points]


def _tidy(sheet: Canvas, name: str, points: Sequence[Point]) -> ET.Element:
    """The picture without what a page does not need; ``points`` say what its marks are."""
    out = io.StringIO()
    sheet.savefig(out, format="svg", metadata={"Date": None}, facecolor=sheet.get_facecolor())
    root = ET.fromstring(out.getvalue())  # noqa: S314  # ours, of this moment
    root.attrib = {"viewBox": root.attrib["viewBox"]}
    said = iter(points)
    for element in list(root.iter()):
        for child in [c for c in element if c.tag in METADATA]:
            element.remove(child)
        gid = element.attrib.pop("id", "")
        if gid.startswith("about-"):
            title = ET.Element(f"{SVG}title")
            title.text = next(said).about
            element.insert(0, title)
        elif gid == "label":
            element.set("class", "label")
        elif element.tag != f"{SVG}g" and gid:
            element.set("id", f"{name}-{gid}")
        _shorten(element, name)
    _flatten(root)
    return root


def _shorten(element: ET.Element, name: str) -> None:
    """Numbers as a screen needs them, colours by name, the font of the page, and links that stay in this picture."""
    target = element.attrib.pop(LINK, None)
    if target is not None:
        element.set("href", f"#{name}-{target[1:]}")
    for key, value in list(element.attrib.items()):
        if key == "transform" and value.startswith("rotate(-0 "):
            del element.attrib[key]
            continue
        if key == "style":
            value = COLOUR.sub(lambda m: VARIABLE[m[0]], value.replace(f"'{canvas.FONT}'", FAMILY))
            value = value.replace(f"font-family: {FAMILY}; ", "").replace("; stroke-linecap: square", "")
        elif key in ("transform", "d", "x", "y", "width", "height"):
            value = NUMBER.sub(lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), " ".join(value.split()))
        element.set(key, value.replace("url(#", f"url(#{name}-"))


def _flatten(element: ET.Element) -> None:
    """Groups that say nothing give way to what they hold; no white space between elements."""
    element.tail = None
    if len(element) and not (element.text or "").strip():
        element.text = None
    kept: list[ET.Element] = []
    for child in element:
        _flatten(child)
        kept += list(child) if child.tag == f"{SVG}g" and not child.attrib and not _titled(child) else [child]
    element[:] = kept


def _titled(element: ET.Element) -> bool:
    return any(child.tag == f"{SVG}title" for child in element)


def _markup(root: ET.Element) -> Markup:
    ET.register_namespace("", SVG[1:-1])
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  # escaped by the writer
