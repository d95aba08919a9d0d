"""The rule of what a run may claim: a table of records, each with the right outcome and what the headline must say."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from gsu_cli.evaluation.intervals import wilson
from gsu_cli.report.audit_doubts import doubts
from gsu_cli.report.compact import compact
from gsu_cli.report.headline import block, headline
from gsu_cli.report.quantities import brief, discover
from gsu_cli.report.summary import summary_markdown
from gsu_cli.report.sweep import cells
from gsu_cli.report.verdict import RULE, verdict
from gsu_cli.run.record import Record, record_of
from made_runs import Measurement


def share(name: str, subject: str, hits: int, n: int = 10_000, judge: str | None = "cnn") -> Measurement:
    return Measurement(name, subject, hits / n, *wilson(hits, n), n, "share", "lower", judge)


def elbo(subject: str, value: float, change: tuple[float, float] | tuple[None, None] = (None, None)) -> Measurement:
    better, n, half = "lower", 900, 2.0  # images spread by 30 nats
    return Measurement(
        "heldout_loss_retain", subject, value, value - half, value + half, n, "-ELBO, nats", better,
        change_low=change[0], change_high=change[1],
    )  # fmt: skip


def trust(right: float = 0.99, recall: float = 0.98, alarms: float = 0.01, n: int = 1000) -> dict[str, Any]:
    """A judge's report on ``n`` images of ten classes."""
    rows = {
        "real": share("judge_accuracy", "data", round(right * n), n),
        "balanced": share("judge_balanced_accuracy", "data", round(right * n), n),
        "recall_real": share("judge_recall", "data", round(recall * n / 10), n // 10),
        "false_alarms_real": share("judge_false_alarms", "data", round(alarms * n * 0.9), n * 9 // 10),
    }
    return {name: asdict(m) for name, m in rows.items()}


LABELS = {"cnn": "CNN", "knn": "kNN"}


def made(
    cnn: tuple[int, int] = (870, 46),
    knn: tuple[int, int] = (1567, 436),
    cost: float = 0.009,
    *,
    reports: dict[str, dict[str, Any]] | None = None,
    more: tuple[Measurement, ...] = (),
    drop: tuple[tuple[str, str, str | None], ...] = (),
    base: float = 100.0,
) -> Record:
    """A run with hits before and after by each judge, over floors of 1 % and a relative cost."""
    rows = [elbo("original", base), elbo("unlearned", base * (1 + cost), (cost - 0.001, cost + 0.001))]
    for judge, (before, after) in {"cnn": cnn, "knn": knn}.items():
        rows += [
            share("feature_ratio", "original", before, judge=judge),
            share("feature_ratio", "unlearned", after, judge=judge),
            share("feature_ratio", "data", 9, 900, judge=judge),
        ]
    fresh = {(m.name, m.subject, m.judge) for m in more}
    rows = [m for m in rows if (m.name, m.subject, m.judge) not in fresh | set(drop)]
    judges = {"cnn": trust(), "knn": trust(right=0.93)} | (reports or {})
    return Record(
        "unlearn",
        command=["gsu", "unlearn"],
        split={"forget": "class 1", "slug": "class_1"},
        config={"method": {"budget": 0.01}},
        judges=[
            {"name": name, "label": LABELS.get(name, name), "classes": 10, "trust": found}
            for name, found in judges.items()
        ],
        measurements=[*rows, *more],
    )


def frechet(subject: str, value: float) -> Measurement:
    return Measurement("frechet_distance", subject, value, value - 0.2, value + 0.2, 10_000, "", "lower", "cnn")


def variety(subject: str, value: float) -> Measurement:
    return Measurement("variety", subject, value, value, value, 10_000, "grey levels")


def gone(judge: str, why: str = "no judge ships") -> Measurement:
    return Measurement("feature_ratio", "unlearned", None, reason=why, unit="share", judge=judge)


def asked(
    way: str, before: int, after: int, retrained: int | None = None, judge: str = "cnn"
) -> tuple[Measurement, ...]:
    """Hits of a conditional model among 1,000 generated images of one way of asking."""
    hits = {"original": before, "unlearned": after, **({} if retrained is None else {"retrained": retrained})}
    rows = (share(f"asked_{way}", who, n, 1000, judge) for who, n in hits.items())
    return tuple(replace(m, role="reach", label=f"asked for {way}") for m in rows)


BLIND = trust(right=0.12, recall=1.0, alarms=0.98)
TABLE = {
    "its word learnt anew": (
        made(more=asked("a new word", 905, 879, 48)),
        "hidden",
        "Not forgotten: asked for a new word 87.9% (90.5% before, 4.8% by retraining; CNN judge).",
    ),
    "by the other judge": (
        made(more=(*asked("a new word", 905, 20), *asked("a new word", 900, 880, judge="knn"))),
        "hidden",
        "Hid class 1: feature ratio -94.7% by the CNN judge and -72.2% by the kNN judge, at +0.9% retain loss. Not "
        "forgotten: asked for a new word 88.0% (90.0% before; kNN judge).",
    ),
    "asked for nothing": (made(more=asked("nothing", 100, 90)), "hidden", "Not forgotten: asked for nothing 9.0%"),
    "in two ways": (
        made(more=(*asked("others", 10, 90), *asked("a new word", 905, 879))),
        "hidden",
        "Not forgotten: asked for others 9.0% (1.0% before; CNN judge); asked for a new word 87.9%",
    ),
    "no way is open": (
        made(more=(*asked("others", 40, 36), *asked("nothing", 100, 20), *asked("a new word", 905, 300))),
        "forgot",
        "Forgot class 1",
    ),
    "as open as after retraining": (made(more=asked("a new word", 905, 500, 490)), "forgot", "Forgot class 1"),
    "no more than real images": (
        made(cnn=(250, 46), more=asked("nothing", 15, 14)),
        "forgot",
        "Forgot class 1",
    ),
    "a way that was not measured": (made(more=asked("a new word", 905, 879)[:1]), "forgot", "Forgot class 1"),
    "a way that a blind judge sees": (
        made(more=asked("a new word", 905, 879), reports={"cnn": BLIND}),
        "one_judge",
        "By the kNN judge alone",
    ),
    "nothing forgotten anyway": (
        made(cnn=(870, 870), knn=(1567, 1600), more=asked("a new word", 905, 879)),
        "not_forgotten",
        "Did not measurably forget class 1",
    ),
    "both judges": (
        made(),
        "forgot",
        "Forgot class 1: feature ratio -94.7% by the CNN judge and -72.2% by the kNN judge",
    ),
    "less than half by one": (made(knn=(1567, 1200)), "partly", "Partly forgot class 1: feature ratio -94.7%"),
    "as far as retraining": (
        made(knn=(1567, 1200), more=(share("feature_ratio", "retrained", 1190, judge="knn"),)),
        "forgot",
        "Forgot class 1",
    ),
    "one saw a little, the other nothing": (
        made(cnn=(1567, 1400), knn=(1567, 1560)),
        "one_judge",
        "By the CNN judge alone, partly forgot class 1: feature ratio -10.7%",
    ),
    "one saw nothing": (made(knn=(1567, 1560)), "one_judge", "By the CNN judge alone, forgot class 1"),
    "one saw more": (
        made(cnn=(870, 990), knn=(1567, 1207)),
        "disagree",
        "Judges disagree on class 1: feature ratio +13.8%",
    ),
    "neither": (made(cnn=(870, 870), knn=(1567, 1600)), "not_forgotten", "Did not measurably forget class 1"),
    "right on 12 %": (
        made(reports={"cnn": BLIND}),
        "one_judge",
        "Not counted: the CNN judge is right on 12.0% of 1,000 held-out images",
    ),
    "both blind": (
        made(reports={"cnn": BLIND, "knn": BLIND}),
        "unknown",
        "Judges can say nothing about class 1: the CNN",
    ),
    "right on the rest, blind to it": (
        made(reports={"cnn": trust(right=0.9, recall=0.0, alarms=0.0)}),
        "one_judge",
        "the CNN judge sees class 1 in 0.0% of 100 real images of it and in 0.0% of the others",
    ),
    "sees it everywhere": (
        made(reports={"knn": trust(right=0.9, recall=1.0, alarms=0.8)}),
        "one_judge",
        "the kNN judge sees class 1 in 100.0% of 100 real images of it and in 80.0% of the others",
    ),
    "the lower end counts": (
        made(reports={"cnn": trust(recall=1.0, alarms=0.0, n=10)}),  # one image of it, and seen
        "one_judge",
        "in 100.0% of 1 real images of it and in 0.0% of the others, too few images to count on",
    ),
    "right on all of four": (
        made(reports={"cnn": {name: asdict(share(f"judge_{name}", "data", 4, 4)) for name in ("real", "balanced")}}),
        "one_judge",
        "right on 100.0% of 4 held-out images, 100.0% as a mean over classes, of too few images to count on (at the "
        "lower end 51%)",
    ),
    "old report, right on all of three": (
        made(reports={"cnn": {"real": asdict(share("judge_accuracy", "data", 3, 3))}}),
        "one_judge",
        "right on 100.0% of 3 held-out images, of too few images to count on (at the lower end 44%)",
    ),
    "sees half of it and hardly anything else": (
        made(reports={"knn": trust(right=0.9, recall=0.52, alarms=0.007)}),
        "forgot",
        "Forgot class 1: feature ratio -94.7% by the CNN judge and -72.2% by the kNN judge",
    ),
    "old report, right on 12 %": (
        made(reports={"cnn": {"real": asdict(share("judge_accuracy", "data", 120, 1000))}}),
        "one_judge",
        "the CNN judge is right on 12.0% of 1,000",
    ),
    "no report": (made(reports={"cnn": {}, "knn": {}}), "forgot", "Forgot class 1"),
    "one judge missing": (made(more=(gone("knn"),)), "one_judge", "the kNN judge has no ratio: no judge ships"),
    "abstains": (
        made(more=(share("abstention", "unlearned", 9000), share("abstention", "original", 1500))),
        "one_judge",
        "the CNN judge has abstention 90.0% on the samples, 15.0% before",
    ),
    "one at the floor": (
        made(cnn=(105, 60)),
        "one_judge",
        "the CNN judge saw it in 0.0105 of the samples before, in 0.0100 of real images without it",
    ),
    "both at the floor": (made(cnn=(105, 60), knn=(90, 20)), "nothing_to_forget", "Nothing to forget: the CNN judge"),
    "one abstains, one at the floor": (
        made(
            cnn=(10_000, 10_000),
            knn=(90, 20),
            more=(share("abstention", "unlearned", 7300), share("abstention", "original", 7300)),
        ),
        "unknown",
        "Judges can say nothing about class 1",
    ),
    "none before": (made(cnn=(0, 0), knn=(0, 3)), "nothing_to_forget", "the CNN judge saw none of it before"),
    "+2,660 %": (made(cost=26.6), "ruined", "Ruined the model: x27.6 retain loss. Its ratios say nothing about"),
    "+60 %": (made(cost=0.6), "ruined", "Ruined the model: +60.0% retain loss"),
    "+40 %": (made(cost=0.4), "forgot", "at +40.0% retain loss, above its budget of 1%."),
    "loss without a value": (
        made(more=(Measurement("heldout_loss_retain", "unlearned", None, reason="a loss is nan"),)),
        "ruined",
        "its retain loss has no value (a loss is nan)",
    ),
    "Frechet exploded": (
        made(more=(frechet("original", 23.0), frechet("unlearned", 110.0))),
        "ruined",
        "Frechet distance 23 before, 110 after",
    ),
    "black images": (
        made(cnn=(870, 0), knn=(1567, 0), more=(variety("original", 57.0), variety("unlearned", 0.0))),
        "ruined",
        "spread of samples 57 grey levels before, 0 after",
    ),
    "within the budget's interval": (made(cost=0.0108), "forgot", "at +1.1% retain loss."),
    "cost not measured": (
        made(drop=(("heldout_loss_retain", "original", None), ("heldout_loss_retain", "unlearned", None))),
        "forgot",
        "at a cost that was not measured.",
    ),
    "a loss near zero": (made(base=5.0, cost=2.0), "forgot", "at +10.00 nats retain loss, above its budget"),
    "a loss near zero, ruined": (made(base=5.0, cost=7.0), "ruined", "Ruined the model: +35.00 nats retain loss"),
    "a negative loss": (made(base=-100.0, cost=-0.9), "ruined", "Ruined the model: +90.0% retain loss"),
    "a ratio near zero": (
        made(cnn=(95, 11), drop=(("feature_ratio", "data", "cnn"),)),
        "forgot",
        "feature ratio -0.84 points",
    ),
    "a share of no images": (
        made(more=tuple(replace(share("feature_ratio", s, 10, 100), n=0) for s in ("original", "unlearned"))),
        "one_judge",
        "the CNN judge gives no interval",
    ),
}


@pytest.mark.parametrize(("record", "outcome", "words"), TABLE.values(), ids=TABLE)
def test_the_rule(record: Record, outcome: str, words: str) -> None:
    found = verdict(record)
    assert found is not None
    assert found.outcome == outcome, found
    assert words in headline(record)
    assert block(record) == {"headline": headline(record), **found.as_dict()}
    assert (block(record)["rule"], block(record)["outcome"]) == (RULE, outcome)


def test_single_samples_have_no_ratio_to_quote() -> None:
    why = "single samples have no class that a judge could look for"
    rows = [Measurement("feature_ratio", s, None, reason=why, unit="share") for s in ("original", "unlearned")]
    record = made()
    rows += [m for m in record.measurements if m.name == "heldout_loss_retain"]
    alone = replace(record, measurements=rows, split={"forget": "samples (3)"})
    said = f"Judges can say nothing about samples (3): {why}, at +0.9% retain loss."
    assert headline(alone) == said
    without = replace(alone, judges=[{"name": "cnn", "label": "CNN", "unavailable": "none ships: train one"}])
    assert headline(without) == said, "a judge that is not there would not help"


def test_nothing_is_said_of_what_was_not_unlearned() -> None:
    assert verdict(Record("evaluate")) is None
    assert block(Record("train")) == {}
    alone = replace(made(), measurements=[m for m in made().measurements if m.subject == "original"])
    assert headline(alone) == "Measured original, with class 1 to be forgotten."


@pytest.mark.parametrize(("budget", "over"), [(0.01, True), (0.02, False), (None, False), (True, False)])
def test_the_budget_of_the_protocol_comes_before_the_method_s(budget: object, over: bool) -> None:
    record = replace(made(cost=0.015), config={"method": {"budget": budget}})
    assert (verdict(record).over_budget is not None) == over  # type: ignore[union-attr]
    record.config["protocol"] = {"budget": 0.05}
    assert verdict(record).over_budget is None  # type: ignore[union-attr]


def test_the_budget_at_which_a_method_stops_is_one() -> None:
    record = replace(made(cost=0.015), config={"method": {"retain_budget": 0.01}})
    assert verdict(record).over_budget == 0.01  # type: ignore[union-attr]
    record.config["method"]["retain_budget"] = 0.02
    assert verdict(record).over_budget is None  # type: ignore[union-attr]


def test_a_sweep_marks_what_supports_no_claim() -> None:
    shown = brief(discover([made()]))
    assert cells(made(), shown)[:3] == ("-94.7%", "-72.2%", "+0.9%")
    assert cells(made(reports={"cnn": BLIND}, cost=0.03), shown)[:3] == ("-94.7%*", "-72.2%", "+3.0%*")
    assert cells(made(cost=26.6), shown)[:2] == ("-94.7%*", "-72.2%*")


def test_a_model_without_a_loss_says_what_its_own_budget_counted() -> None:
    """A GAN's budget is of drift; the headline said that no cost was measured."""
    record = made(drop=(("heldout_loss_retain", "original", None), ("heldout_loss_retain", "unlearned", None)))
    record.update["details"] = {
        "budget": 0.08,
        "budget_spent": 0.0644,
        "retain_cost": {"unit": "share of the variance", "words": "drift of retained samples"},
    }
    assert headline(record).endswith(", at a drift of retained samples of 6.4% (share of the variance).")
    record.update["details"]["retain_cost"]["fresh"] = {"value": 0.102, "images": 893}
    assert headline(record).endswith(", at a drift of retained samples of 10% (share of the variance, fresh ones).")
    record.update["details"]["budget_spent"] = None
    assert headline(record).endswith(", at a cost that was not measured.")


def test_a_kept_run_still_says_that_it_overspent_a_budget_that_nobody_typed() -> None:
    """A default is in what the method says it took, not in the config; lists of records kept neither."""
    record = replace(made(cost=0.015), config={"method": {"budget": None}})
    record.update["details"] = {"budget": 0.01, "shots": [{"step": 0.5}]}
    (kept,) = [record_of(compact(record), Path("records.json"))]
    assert verdict(kept).over_budget == verdict(record).over_budget == 0.01  # type: ignore[union-attr]
    older = replace(kept, update={}, verdict={"over_budget": 0.01})
    assert verdict(older).over_budget == 0.01  # type: ignore[union-attr]
    assert verdict(replace(older, verdict={"over_budget": None})).over_budget is None  # type: ignore[union-attr]


def test_an_audit_says_of_a_judge_that_it_does_not_count() -> None:
    """Of those that it asked alone: its sentences quote what a judge sees."""
    record = made(reports={"cnn": BLIND, "knn": BLIND})
    asked_cnn = {"relearn": {"measurements": [{"judge": "cnn"}, {"judge": None}]}, "loss": {"measurements": []}}
    (note,) = doubts(record, asked_cnn)
    assert note.startswith("the CNN judge is right on 12.0% of 1,000 held-out images"), note
    assert note.endswith(", so what it sees supports no claim")
    assert doubts(made(), asked_cnn) == doubts(record, {"loss": {"measurements": []}}) == []
    assert doubts(Record("unlearn"), asked_cnn) == []


def test_how_a_judge_is_trained_is_said_once() -> None:
    """In the headline, below the table and in the judge's line it was said three times, two lines each."""
    how = "no CNN judge ships for pets: train one with `gsu train model=judge_cnn` and pass its path"
    blank = Measurement("frechet_distance", "unlearned", None, reason=how, place="table")
    record = replace(made(more=(gone("cnn", how), blank)), split={"forget": "class 1", "n_forget": 200})
    record.judges[0] = {"name": "cnn", "label": "CNN", "unavailable": how}
    assert "the CNN judge is not available: no CNN judge ships for pets." in headline(record)
    assert summary_markdown(record).count("train one with") == 1
