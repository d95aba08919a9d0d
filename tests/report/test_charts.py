"""Axes and figures by hand: where a number lies, what is on the front, what is left out and said."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path

import pytest

from gsu_cli.report.figures.chart import Chart
from gsu_cli.report.figures.pareto import pareto
from gsu_cli.report.figures.scales import Scale
from gsu_cli.report.figures.sweeps import sweeps
from gsu_cli.report.figures.ticks import percent, plain, tick
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


def marks(chart: Chart) -> list:
    """The points that are drawn as marks."""
    return [p for s in chart.series if s.sign not in ("stairs", "dotted") for p in s.points]


def labels(chart: Chart) -> list[str]:
    return [p.label for p in marks(chart) if p.label]


def test_the_front_joins_what_nothing_beats():
    runs = [
        costly(0.01, 0.05, method="good"),
        costly(0.02, 0.06, method="beaten"),
        costly(0.05, 0.01, method="dear"),
        costly(-0.01, 0.09, method="cheap"),
    ]
    figure = pareto(runs, ["method", "forget"])
    (chart,) = figure.charts
    assert set(labels(chart)) == {"good", "dear", "cheap"}
    (stairs,) = (s for s in chart.series if s.sign == "stairs")
    assert [p.label for p in stairs.points] == ["cheap", "good", "dear"]
    assert [s.name for s in figure.legend] == ["beaten", "cheap", "dear", "good"]


def test_what_lost_everything_is_left_out_of_the_plot_and_counted():
    figure = pareto([costly(0.01, 0.05), costly(500.0, 0.0, method="diverged")], ["method", "forget"])
    assert "1 setting of runs that support no claim left out" in figure.about
    assert [p.label for p in marks(figure.charts[0])] == ["ascent"]
    assert "settings shown" not in figure.about
    assert "setting shown" not in figure.about
    some = pareto([costly(0.01, 0.05), costly(5.0, 0.0, seed=2)], ["method", "forget"])
    assert "left out" not in some.about
    assert "1 setting shown holds runs that support no claim, too; see the table" in some.about
    more = pareto([costly(0.01, 0.05), costly(0.01, 0.35, method="reminded")], ["method", "forget"])
    assert "1 setting beyond" in more.about
    assert [s.name for s in more.legend] == ["ascent"]


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
        assert heads(figure.charts) == ["feature ratio (CNN), faces", "feature ratio (CNN), mnist"]
        for chart, best in zip(figure.charts, ("hard", "easy"), strict=True):
            (label,) = labels(chart)
            assert best in label
            assert len(marks(chart)) == 2


def test_checkpoints_of_ones_own_are_called_by_what_tells_them_apart():
    """Of two long paths a title had room for what they share."""
    records = []
    for when in ("12-00", "13-00"):
        record = costly(0.01, 0.05)
        record.config["checkpoint"]["path"] = f"/home/me/unlearning/outputs/train/2026-01-31/{when}/model.safetensors"
        records.append(record)
    titles = [chart.title for chart in pareto(records, ["checkpoint", "method", "forget"]).charts]
    assert titles == ["feature ratio (CNN), mnist, 12-00", "feature ratio (CNN), mnist, 13-00"]


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
    axis = [text for _, text in figure.charts[0].y.ticks]
    assert len(axis) == len(set(axis)) > 2
    assert "0.5%" in axis


def test_no_plot_without_a_cost():
    assert pareto([run()], ["method"]) is None
    assert pareto([], ["method"]) is None


def test_a_setting_that_varies_has_its_figure():
    runs = [costly(lr, 0.1 - lr / 2 + s / 1000, lr=lr, seed=s) for lr in (0.001, 0.01, 0.1) for s in (-1, 1)]
    (figure,) = sweeps(runs)
    assert figure.title == "Along method.lr"
    assert len(figure.charts) == 2  # one judge and the cost
    assert all(len(marks(chart)) == 3 for chart in figure.charts)
    assert "method.lr 0.1: -50.0% ± 12.7" in [p.about for p in marks(figure.charts[0])]


def test_along_a_setting_ruined_models_are_counted_and_bars_are_named():
    """A ruined model's ratio stood in the line like any other, below a bar that nothing explained."""
    runs = [costly(lr, 0.09 + s / 1000, lr=lr, seed=s) for lr in (0.01, 0.1, 5.0) for s in (-1, 1)]
    (figure,) = sweeps(runs)
    assert "Bars are 95 % intervals" in figure.about
    assert "1 setting of runs that support no claim is among them" in figure.about
    (calm,) = sweeps([r for r in runs if r.config["method"]["lr"] < 1])
    assert "no claim" not in calm.about
    (single,) = sweeps([r for r in runs if r.seeds["train"] == 1])
    assert "Bars" not in single.about


def test_a_legend_says_of_which_option_a_value_is():
    """It said "ascent all", and nobody could tell of what."""

    def scoped(scope, lr, *args, **more):
        record = costly(*args, lr=lr, **more)
        return replace(record, config={**record.config, "method": {**record.config["method"], "scope": scope}})

    runs = [scoped(s, lr, lr, 0.1 - lr / 2) for s in ("all", "generator") for lr in (0.01, 0.1)]
    (along,) = sweeps(runs)
    assert [s.name for s in along.legend] == ["ascent scope=all", "ascent scope=generator"]
    figure = pareto(runs, ["method", "method.scope", "method.lr", "forget"])
    assert [s.name for s in figure.legend] == ["ascent scope=all", "ascent scope=generator"]
    assert "ascent scope=all lr=0.01: feature ratio" in " ".join(p.about for p in marks(figure.charts[0]))


def test_a_setting_that_stays_has_none():
    assert sweeps([run(seed=1), run(seed=2)]) == []


def diffused(cost, ratio, **more):
    """A run of a model whose loss is a squared error."""
    record = costly(cost, ratio, **more)
    rows = [replace(m, unit="MSE") if m.name == "heldout_loss_retain" else m for m in record.measurements]
    return replace(record, measurements=rows)


def heads(charts):
    return [chart.title for chart in charts]


def test_losses_in_two_units_share_no_axis():
    vae, ddpm = costly(0.01, 0.05, method="ascent"), diffused(0.02, 0.03, method="fisher_surgery")
    assert pareto([ddpm], ["method"]).charts[0].x.title == "change of retain loss (cost)"
    for chart, unit, own in zip(
        pareto([vae, ddpm], ["method"]).charts,
        ("-ELBO, nats", "MSE"),
        ("ascent", "fisher_surgery"),
        strict=True,
    ):
        assert chart.x.title == f"change of retain loss ({unit}) (cost)"
        assert [p.label for p in marks(chart)] == [own]
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
        assert chart.x.title == f"change of {cost} (cost)"
    assert "spilt milk +50.0%" in marks(figure.charts[1])[0].about


def test_a_cost_without_an_original_is_plotted_as_it_is():
    record = costly(0.01, 0.05)
    record.measurements.append(own(3.25, "unlearned"))
    assert pareto([record], ["method"]).charts[1].x.title == "spilt milk, l (cost)"
