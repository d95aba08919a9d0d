"""``summary.md`` and the same on the terminal, both from the record alone."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from gsu_cli.report.cost_read import budget_elsewhere
from gsu_cli.report.details import noted, trusted
from gsu_cli.report.headline import headline
from gsu_cli.report.model_remarks import beside
from gsu_cli.report.numbers import digits, fixed, is_of_few, places, seconds
from gsu_cli.report.roles import cost_words, titles
from gsu_cli.report.run_table import HEADS, markdown, rows, subjects, unmeasured
from gsu_cli.report.step import finish, targets
from gsu_cli.report.verdict import beyond
from gsu_cli.run.forgotten_count import forgotten
from gsu_cli.run.record import Record
from gsu_cli.run.signed import signed

STAGES = ("load", "train", "unlearn", "diagnostics", "retrain", "evaluate", "curve", "report", "total")
PERCENTILE = "unseen_percentile"
BEYOND = " (off more than twofold)"  # the step left where the prediction holds
FEW = 100  # images to forget: a mean of fewer losses, each at one sample of its noise as a rule, may be far off
LABEL = 16  # characters of a title beside its numbers, at least
COLOURS = {"good": "green", "bad": "red", "": ""}


def sentences(record: Record) -> list[str]:
    """What else a reader should know, in order of weight."""
    lines = [f"NOTE  {note}" for note in record.notes]
    dataset = record.inputs.get("dataset", {})
    lines += [note for note in (dataset.get("note"), *dataset.get("remarks", ())) if note]
    lines += [
        f"judge {record.judge_called(j['name'])}: {j['unavailable']}" for j in record.judges if "unavailable" in j
    ]
    for j in record.judges:
        real, generated = trusted(j, "real"), trusted(j, "reconstructions")
        if "n" in real and real["value"] is not None:
            again = generated.get("value")
            also = "" if again is None else f", {again:.1%} of their reconstructions"
            # where nothing is forgotten, a judge of attributes gives an answer to each of them
            of_attributes = bool(dataset.get("attributes")) and "classes" not in j
            answers = of_attributes and record.split.get("target_attribute") is None
            what = "answers about held-out images" if answers else "held-out images"
            right = f"is right on {real['value']:.1%} of {real['n']:,} {what}{also}"
            lines.append(f"judge {record.judge_called(j['name'])} {right}")
    predicted, realised = record.update.get("predicted"), record.update.get("realised")
    unit = noted(record).get("loss_unit", "nats/image")
    if predicted and realised:
        pairs = [(k, predicted[k], realised[k]) for k in predicted if k in realised]
        where = 3 if all(abs(p) + abs(r) > 0.01 for _, p, r in pairs) else 5  # squared errors are small numbers
        form, least = f".{where}f", 0.5 * 10.0**-where  # what prints as 0 has no ratio
        parts = [
            f"{k} {signed(p, form)} predicted{BEYOND * beyond(p, r, least)}, {signed(r, form)} realised"
            for k, p, r in pairs
        ]
        lines.append(f"change of the training loss, {unit}: " + "; ".join(parts) + _rough(record))
    elif realised:
        form = ".3f" if all(abs(r) > 0.01 for r in realised.values()) else ".5f"
        parts = [f"{k} {signed(r, form)}" for k, r in realised.items()]
        lines.append(f"change of the training loss, {unit}: {', '.join(parts)}{_rough(record)}")
    lines += [*budget_elsewhere(record), *beside(record), *retained(record), *percentiles(record)]
    lines += unseen_level(record)
    lines += [*own_drift(record), *targets(record), *finish(record), *encoder(record), *spent_budget(record)]
    lines += chosen(record)
    if record.seconds:
        lines.append("time: " + took(record.seconds))
    return lines


def _rough(record: Record) -> str:
    """What stands behind the change of the forget loss where few images are forgotten."""
    n = record.split.get("n_forget")
    if n is None or n >= FEW or "forget" not in (record.update.get("realised") or {}):
        return ""
    return f" (rough: of {n} {'image' if n == 1 else 'images'} to forget, at few samples of the loss's noise)"


def retained(record: Record) -> list[str]:
    """What it did to samples that had nothing to forget, in one line: the costs that stand beside the table."""
    aside = [m for m in record.measurements if (m.role, m.place, m.subject) == ("cost", "aside", "unlearned")]
    called = titles(aside, record)
    parts = []
    for m in aside:
        if m.value is None:
            continue
        share, number = m.unit == "share", fixed(m.value, places(m.unit, m.value))
        value = f"{m.value:.2%} of {m.n:,}" if share else f"{number} {m.unit}".rstrip()
        value += f" of {m.n}" if is_of_few(m) and not share else ""
        parts.append(f"{called[m.name, m.judge]} {value}{f' ({m.detail})' if m.detail else ''}")
    return ["also measured: " + "; ".join(parts)] if parts else []


def percentiles(record: Record) -> list[str]:
    """Where single forgotten images stand among unseen ones."""
    asked = {m.subject: m for m in record.measurements if m.name == PERCENTILE}
    found = {subject: m for subject, m in asked.items() if m.value is not None}
    if "unlearned" not in found:
        reason = asked["unlearned"].reason if "unlearned" in asked else None
        return [f"no percentile among unseen images: {reason}"] if reason else []
    split = record.split
    n = split["n_forget"] // split.get("copies", 1) if "n_forget" in split else None  # kept records leave it out
    among = "canaries that were never planted" if "copies" in split else "held-out images"
    line = "what was forgotten stands"
    if n is not None:
        line = forgotten(min(found["unlearned"].n or n, n), n, ("stands", "stand in the mean"))
    line += f" at percentile {found['unlearned'].value:.0f} of {among} by loss"
    words = {"original": "before", "retrained": "in the retrained model"}
    return [line + "".join(f", {found[s].value:.0f} {word}" for s, word in words.items() if s in found)]


def unseen_level(record: Record) -> list[str]:
    """What the loss of the forgotten images rose to, beside what is expected of images never trained on."""
    details = noted(record)
    found = details.get("sample_bound") or details.get("class_level")
    if not found:
        return _no_level(record, details)
    expected, increase, start = found["expected_increase"], found["increase"], found["loss_before"]
    shares = [f" ({signed(x / abs(start), '.0%')})" if start else "" for x in (increase, expected)]
    unit = details.get("loss_unit", "nats").removesuffix("/image")
    text = f"loss of the forgotten images: {signed(increase, '.3g')} {unit}{shares[0]}; "
    text += f"{signed(expected, '.3g')}{shares[1]} is expected of images never trained on"
    if "sample_bound" in details and (record.split.get("n_forget") or 0) >= (record.split.get("n_retain") or math.inf):
        text += ", which is extrapolated, as no fewer are forgotten than stay"
    if increase < 0:  # as of a model that training had left unfinished; by how little, is no finding at so few latents
        # of a class generated images are the evidence, which may show it less all the same
        return [f"{text}; the step did not raise it" + ", so none was forgotten by it" * ("sample_bound" in details)]
    if not found.get("ends", True):
        return [text]
    shots = [shot for shot in details.get("shots") or () if {"step_within_bounds", "step_within_budget"} <= shot.keys()]
    free = bool(shots) and all(shot["step_within_bounds"] >= shot["step_within_budget"] for shot in shots)
    return [text + (", and would end the step, which ended before" if free else ", and ends the step")]


def own_drift(record: Record) -> list[str]:
    """What a method did to its own retained samples, where it was bounded by that."""
    found = noted(record).get("own_drift")
    if not found:
        return []
    turned = found["transitions"]
    spent = f"{_percent(found['spent'])} of {_percent(found['budget'])} allowed, {found['unit']}"
    text = f"drift of retained samples: {spent}, on {turned['retained']:,} own samples; {turned['gained']} of them "
    text += "now show what is to be forgotten, by the method's own discriminant, "
    text += f"{turned['dealt']} if the same changes are dealt to others"
    more = "more than" if turned["gained"] > turned["at_most"] else "no more than"
    return [f"{text} ({more} chance explains, at most {turned['at_most']})"]


def encoder(record: Record) -> list[str]:
    """What an encoder that may follow the decoder's step did for it."""
    details = noted(record)
    found = details.get("encoder")
    if not found:
        return []
    if not found["moved"]:
        return ["the encoder stays: to follow the step would not lower the retain loss"]
    if f"{found['longer']:.2f}" == "1.00" and "budget_spent" in details:
        spent, before = _percent(details["budget_spent"]), _percent(found["spent_before"])
        return [f"the encoder followed the step, which is as long as before and costs {spent} instead of {before}"]
    if found["longer"] < 1:
        return [f"the encoder followed the step, shortened to {found['longer']:.2f} of its length to keep the budget"]
    return [f"the encoder followed the step, which is {found['longer']:.2f} times as long for the same budget"]


def _no_level(record: Record, details: Mapping[str, Any]) -> list[str]:
    """Where single images or a part of them are forgotten, and nothing holds their loss at that of unseen ones: why."""
    spec, method = record.config.get("forget") or {}, record.update.get("method")
    if not method or method == "retrain" or all(spec.get(key) is None for key in ("sample", "canary", "fraction")):
        return []
    reason = details.get("no_bound") or f"{method} has none"
    return [f"no bound holds the loss of the forgotten images at that of images never trained on: {reason}"]


def _percent(value: float) -> str:
    """With two decimals, or two digits where those would be nothing."""
    return f"{value:.2%}" if value == 0 or abs(value) >= 0.001 else f"{100 * value:.2g}%"


def spent_budget(record: Record) -> list[str]:
    """What a method spent of its own budget, where that counts something else than a training loss."""
    details = noted(record)
    cost = details.get("retain_cost")
    if not cost or details.get("budget_spent") is None or details.get("budget") is None:
        return []
    n = (images := details.get("images") or {}).get("budget")
    on = "" if n is None else f", on {n:,} samples"
    spent = f"{_percent(details['budget_spent'])} of {_percent(details['budget'])} allowed"
    if "held" in images:  # older records counted those that are held
        return [f"{cost['words']}: {spent}, {cost['unit']}{on} that no step is taken on"]
    others = f"; {_percent(f['value'])} on {f['images']:,} that no step looked at" if (f := cost.get("fresh")) else ""
    return [f"{cost['words']}: {spent}, {cost['unit']}{on}{others}"]


def chosen(record: Record) -> list[str]:
    """How the protocol came to the strength, where it chose one; what it could not do stands first."""
    found = noted(record).get("calibration")
    if not found:
        return []
    if found["option"] is None:
        return [found["reason"]]
    value = "none" if found["strength"] is None else f"{found['strength']:.4g}"
    samples = "samples" in found.get("words", "")
    words = found["words"] if samples else cost_words(record)
    spent = f"{signed(found['relative_increase'], '.2%')} of {_percent(found['budget'])} {words}"
    spent += f" on {found['images']:,} {'samples' if samples else 'training images'}"
    if found.get("latents", 1) > 1:
        spent += f", {found['latents']} latents of each"
    rates = "".join(f" at {k}={v:.3g}" for k, v in found.get("rate", {}).items())
    runs = f", chosen in {n} run{'s' * (n > 1)}" if (n := len(found.get("trials", ()))) else ""  # kept records: none
    text = f"strength: {found['option']}={value}{rates}{runs}, {spent}"
    return [text] if found["reason"] is None else [f"NOTE  {found['reason']}", text]


def took(spent: dict[str, float]) -> str:
    """Wall time by stage; what the method timed stands in brackets behind its stage."""
    inner = ", ".join(f"{k} {seconds(v)}" for k, v in spent.items() if k not in STAGES)
    outer = [k for k in spent if k in STAGES and k != "total"]
    return ", ".join(f"{k} {seconds(spent[k])}{f' ({inner})' if inner and k == 'unlearn' else ''}" for k in outer)


def _side_by_side(heads: Sequence[str], lines: Sequence[tuple[str, list[Text]]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=None, pad_edge=False)
    table.add_column("")
    for head in heads:
        table.add_column(head, justify="right")
    for title, cells in lines:
        table.add_row(title, *cells)
    return table


def _stacked(heads: Sequence[str], lines: Sequence[tuple[str, list[Text]]], widths: Sequence[int]) -> Text:
    """For a narrow terminal: each title on a line of its own, its numbers below."""

    def numbers(cells: Sequence[Text]) -> Text:
        found = Text("\n")
        for cell, width in zip(cells, widths, strict=True):
            found.append(" " * (width - len(cell) + 1)).append_text(cell)
        return found

    table = numbers([Text(head) for head in heads])
    for title, cells in lines:
        table.append(f"\n{title}").append_text(numbers(cells))
    return table.append("\n")


def render(record: Record, folder: object, console: Console, said: Container[str] = ()) -> None:
    """Prints the closing table; what was ``said`` while the run was at work is not said again."""
    columns = subjects(record)
    with_change = {"original", "unlearned"} <= set(columns)
    heads = [*(HEADS[s] for s in columns), *(["change"] if with_change else [])]
    lines: list[tuple[str, list[Text]]] = []
    for row in (row for row in rows(record) if row.is_measured()):
        cells = [Text(digits(row.cells.get(s))) for s in columns]
        if with_change:
            cells.append(Text(str(row.change), style=COLOURS[row.verdict()]) if row.change else Text("-"))
        lines.append((row.title, cells))
    widths = [max(len(head), *(len(cells[i]) for _, cells in lines), 0) for i, head in enumerate(heads)]
    label = max([LABEL, *(len(word) for title, _ in lines for word in title.split())])
    narrow = console.width < label + sum(widths) + 3 * len(widths) + 2  # three between columns, one at each edge
    table = _stacked(heads, lines, widths) if narrow else _side_by_side(heads, lines)
    notes = [Text(f"NOTE  {note}", style="bold yellow") for note in record.notes if note not in said]
    tail = [Text(line, style="dim") for line in sentences(record)[len(record.notes) :] if line not in said]
    told, below = " ".join(sentences(record)), "for the reason that is said below"
    empty = [f"not measured: {', '.join(w)}: {below if y in told else y}" for y, w in unmeasured(record).items()]
    tail = [*(Text(line, style="dim") for line in empty), *tail]
    head = [*([Text(headline(record), style="bold")] if record.split else []), *notes]
    console.print(Group(*head, *([table] if lines else []), *tail))
    console.print(Text(f"all of it lies in {folder}"), soft_wrap=True)  # a path is copied, so never broken


def summary_markdown(record: Record) -> str:
    """The text of ``summary.md``."""
    head = headline(record) if record.split else f"{record.verb} of {record.inputs.get('dataset', {}).get('name', '')}"
    items = [f"- {line}" for line in sentences(record)]
    n = len(record.notes)
    lines = [
        f"# {head}",
        "",
        *([*items[:n], ""] if n else []),
        f"`{' '.join(record.command)}`",
        "",
        *([markdown(record)] if rows(record) else []),
        *items[n:],
    ]
    lines.append("- values in brackets are 95 % intervals; n and the sha256 of the weights stand in record.json")
    return "\n".join(lines) + "\n"
