"""Axes and figures by hand: where a number lies, what is on the front, what is left out and said."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gsu_cli.report.html.figure import percent, plain, tick
from gsu_cli.report.html.pareto import pareto
from gsu_cli.report.html.scales import Scale
from gsu_cli.report.html.svg import Chart, Point, Series
from gsu_cli.report.html.sweep_plot import sweeps
from gsu_cli.report.overview import listing
from gsu_cli.run.record import Measurement
from made_runs import costly, run


@pytest.mark.parametrize("kind", ["linear", "log", "signed log"])
def test_a_scale_holds_its_values_in_order(kind):
    values = [0.0001, 0.02, 0.5, 3.0, 40.0]
    scale = Scale.around(kind, values, changes=kind != "log")
    places = [scale.at(v) for v in values]
    assert places == sorted(places)
    assert places[0] > 0
    assert places[-1] < 1
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 9
    assert all(0 <= scale.at(v) <= 1 for v in ticks)


def test_a_logarithm_gives_each_decade_the_same_room():
    scale = Scale("log", 0.01, 100.0)
    assert [scale.at(v) for v in (0.01, 0.1, 1.0, 10.0, 100.0)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert scale.ticks() == pytest.approx([0.01, 0.1, 1, 10, 100])


def test_changes_of_nothing_are_plotted_flat():
    scale = Scale.around("linear", [1e-9, -1e-9])
    assert abs(scale.at(1e-9) - scale.at(0.0)) < 1e-6


def test_ticks_leave_room_for_their_labels():
    scale = Scale.around("signed log", [-0.001, 60.0])
    places = [scale.at(v) for v in scale.ticks()]
    assert all(b - a > 0.12 for a, b in itertools.pairwise(places))
    assert 0.0 in scale.ticks()


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (0.01, "+1%"), (-0.005, "-0.5%"), (10.0, "x11")])
def test_ticks_of_changes(value, text):
    assert tick(value) == text


def test_intervals_end_at_the_frame():
    chart = Chart("t", "a", Scale("linear", 0, 1), Scale("linear", 0, 1), "x", "y", str, str)
    chart.series(Series("s", 0, [Point(0.5, 0.5, "here", y_span=(-5.0, 5.0))]))
    (line,) = re.findall(r'class="line c0 span" points="([^"]*)"', chart.svg("c"))
    assert line == "217.0,256.0 217.0,26.0"


def test_a_label_hides_no_mark_and_no_other_label():
    chart = Chart("t", "a", Scale("linear", 0, 1), Scale("linear", 0, 1), "x", "y", str, str)
    here, near, last = (0.5, 0.5), (0.55, 0.5), (0.6, 0.5)
    chart.series(Series("s", 0, [Point(*here, "", "here"), Point(*near, ""), Point(*last, "", "last")]))
    found = re.findall(r'class="label" x="([^"]*)" y="[^"]*" text-anchor="([^"]*)">([^<]*)<', chart.svg("c"))
    (left, right), (x, _) = (chart.place(*here)[0], chart.place(*last)[0]), chart.place(*near)
    assert left < x < right
    assert found == [(f"{left - 9:.1f}", "end", "here"), (f"{right + 9:.1f}", "start", "last")]


def test_a_label_without_room_is_left_out():
    chart = Chart("t", "a", Scale("linear", 0, 1), Scale("linear", 0, 1), "x", "y", str, str)
    chart.series(Series("s", 0, [Point(0.5, 0.5, "", "x" * 200)]))
    assert "x" * 200 not in chart.svg("c")


def test_the_front_joins_what_nothing_beats():
    runs = [
        costly(0.01, 0.05, method="good"),
        costly(0.02, 0.06, method="beaten"),
        costly(0.05, 0.01, method="dear"),
        costly(-0.01, 0.09, method="cheap"),
    ]
    figure = pareto(runs, ["method", "forget"])
    (chart,) = figure.charts
    labels = re.findall(r'<text class="label"[^>]*>([^<]*)</text>', chart)
    assert set(labels) == {"good", "dear", "cheap"}
    (stairs,) = re.findall(r'class="line front" points="([^"]*)"', chart)
    assert len(stairs.split()) == 5  # three points, two corners
    assert [name for _, name in figure.legend] == ["beaten", "cheap", "dear", "good"]


def test_what_lost_everything_is_left_out_of_the_plot_and_counted():
    figure = pareto([costly(0.01, 0.05), costly(500.0, 0.0, method="diverged")], ["method", "forget"])
    assert "1 setting of runs that support no claim left out" in figure.about
    assert "diverged" not in str(figure.charts[0])
    more = pareto([costly(0.01, 0.05), costly(0.01, 0.35, method="reminded")], ["method", "forget"])
    assert "1 setting beyond" in more.about
    assert [name for _, name in figure.legend] == ["ascent"]


def test_what_started_elsewhere_is_in_another_chart_with_a_front_of_its_own():
    """A data set's cheapest point would hide all of another's."""

    def on(name, *args, **more):
        record = costly(*args, **more)
        return replace(record, config={**record.config, "dataset": {"name": name}}, inputs={"dataset": {"name": name}})

    runs = [
        on("mnist", 0.01, 0.02, method="easy"),
        on("mnist", 0.02, 0.05, method="beaten"),
        on("faces", 0.03, 0.06, method="hard"),
        on("faces", 0.04, 0.08, method="worse"),
    ]
    for by in (["method"], ["dataset", "method", "forget"]):
        figure = pareto(runs, by)
        assert len(figure.charts) == 2
        titles = [re.search(r'class="head"[^>]*>([^<]*)<', chart)[1] for chart in figure.charts]
        assert titles == ["feature ratio (CNN), faces", "feature ratio (CNN), mnist"]
        for chart, best in zip(figure.charts, ("hard", "easy"), strict=True):
            (label,) = re.findall(r'<text class="label"[^>]*>([^<]*)</text>', chart)
            assert best in label
            assert len(re.findall("<g><title>", chart)) == 2


@pytest.mark.parametrize("write", [percent, plain])
@pytest.mark.parametrize("seed", range(40))
def test_no_two_ticks_have_one_label_and_each_says_its_number(write, seed):
    g = random.Random(seed)
    centre, width = g.choice([0.0, 1.0, 1e6, 0.1]) * g.random(), 10 ** g.uniform(-4, 1)
    ticks = Scale("linear", centre, centre + width).ticks()
    texts = [write(ticks)(v) for v in ticks]
    assert len(set(texts)) == len(ticks) >= 2
    for text, v in zip(texts, ticks, strict=True):
        assert float(text.rstrip("%")) / (100 if text.endswith("%") else 1) == pytest.approx(v, abs=2e-3 * width)


def test_a_narrow_axis_of_cuts_has_the_digits_it_needs():
    figure = pareto([costly(0.01, 0.0999, method="a"), costly(0.02, 0.1, method="b")], ["method"])
    axis = re.findall(r'text-anchor="end">([^<]*%)<', figure.charts[0])
    assert len(axis) == len(set(axis)) > 2
    assert "0.5%" in axis


def test_no_plot_without_a_cost():
    assert pareto([run()], ["method"]) is None
    assert pareto([], ["method"]) is None


def test_a_setting_that_varies_has_its_figure():
    runs = [costly(lr, 0.1 - lr / 2, lr=lr, seed=s) for lr in (0.001, 0.01, 0.1) for s in (1, 2)]
    (figure,) = sweeps(runs)
    assert figure.title == "Along method.lr"
    assert len(figure.charts) == 2  # one judge and the cost
    assert all(len(re.findall("<g><title>", chart)) == 3 for chart in figure.charts)
    assert "method.lr 0.1: -50.0%" in figure.charts[0]


def test_a_setting_that_stays_has_none():
    assert sweeps([run(seed=1), run(seed=2)]) == []


def test_names_of_methods_are_escaped():
    figure = pareto([costly(0.01, 0.05, method="<b>")], ["method"])
    assert "<b>" not in figure.charts[0]
    assert "&lt;b&gt;" in figure.charts[0]


def diffused(cost, ratio, **more):
    """A run of a model whose loss is a squared error."""
    record = costly(cost, ratio, **more)
    rows = [replace(m, unit="MSE") if m.name == "heldout_loss_retain" else m for m in record.measurements]
    return replace(record, measurements=rows)


def heads(charts):
    return [re.search(r'class="head"[^>]*>([^<]*)<', chart)[1] for chart in charts]


def test_losses_in_two_units_share_no_axis():
    vae, ddpm = costly(0.01, 0.05, method="ascent"), diffused(0.02, 0.03, method="fisher_surgery")
    assert "change of retain loss (cost)" in pareto([ddpm], ["method"]).charts[0]
    for chart, unit, own, other in zip(
        pareto([vae, ddpm], ["method"]).charts,
        ("-ELBO, nats", "MSE"),
        ("ascent", "fisher_surgery"),
        ("fisher_surgery", "ascent"),
        strict=True,
    ):
        assert f"change of retain loss ({unit}) (cost)" in chart
        assert own in chart
        assert other not in chart
    (along,) = sweeps([diffused(0.01, 0.05, lr=0.1), diffused(0.02, 0.04, lr=0.2)])
    assert heads(along.charts) == ["feature ratio (CNN)", "retain loss"]
    found = [c.head for c in listing([(Path("a"), vae), (Path("b"), ddpm)]).columns]
    assert {"feature ratio (CNN)", "retain loss"} <= set(found)


def own(value, subject, **facts):
    return Measurement("spill", subject, value, n=9, label="spilt milk", role="cost", place="lead", unit="l", **facts)


def test_an_own_judge_and_an_own_cost_have_fronts():
    record = costly(0.01, 0.05)
    record.judges.append({"name": "mean", "label": "nearest mean"})
    ratios = [replace(m, judge="mean") for m in record.measurements if m.name == "feature_ratio"]
    record.measurements += [*ratios, own(2.0, "original"), own(3.0, "unlearned")]
    figure = pareto([record], ["method"])
    by = ["feature ratio (CNN)", "feature ratio (nearest mean)"]
    assert heads(figure.charts) == [by[0], by[0], by[1], by[1]]
    for chart, cost in zip(figure.charts, ("retain loss", "spilt milk") * 2, strict=True):
        assert f"change of {cost} (cost)" in chart
    assert "spilt milk +50.0%" in figure.charts[1]


def test_a_cost_without_an_original_is_plotted_as_it_is():
    record = costly(0.01, 0.05)
    record.measurements.append(own(3.25, "unlearned"))
    assert "spilt milk, l (cost)" in pareto([record], ["method"]).charts[1]
