"""`gsu audit`: a run of the small world, its findings on disk, and the lines that cannot be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from e2e_world import Run, World, other_images, runs
from gsu_cli.audit.membership import Membership
from gsu_cli.audit.percentile import Percentile
from gsu_cli.training import whole_epochs
from gsu_cli.verbs import audit_models
from gsu_cli.verbs.measure import Plan

Gsu = Callable[..., Any]
SHORT = ("audit.likeness.samples=30", "audit.rebound.at=[2]", "audit.rebound.samples=30", "audit.relearning.at=[2]",
         "audit.relearning.samples=30", "repeats=2")  # fmt: skip


@pytest.fixture(scope="module")
def run(world: World, type_line: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("audited")
    reference = f"checkpoint.retrained={world.retrained.folder / 'model.safetensors'}"
    typed = type_line(*world.unlearn("method=ascent", reference, f"hydra.run.dir={root / 'run'}"), cwd=root)
    assert typed.code == 0, typed
    return Run(root / "run")


def found(root: Path) -> tuple[Run, dict[str, Any]]:
    audit = next(r for r in runs(root) if r.record["verb"] == "audit")
    return audit, json.loads((audit.folder / "audit.json").read_text(encoding="utf-8"))


def test_an_audit_of_a_run(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu("audit", f"run={run.folder}", *SHORT)
    assert (typed.code, typed.err) == (0, ""), typed
    audit, findings = found(tmp_path)
    assert audit.record["status"] == "done"
    assert set(findings["probes"]) == {"percentile", "membership", "likeness", "rebound", "relearning"}
    assert findings["weights"] == {
        "original": run.record["inputs"]["checkpoint"]["sha256"],
        "unlearned": run.record["outputs"]["unlearned"]["sha256"],
        "retrained": run.record["inputs"]["retrained"]["sha256"],
    }
    assert findings["images"] == {"forgotten": 60, "unseen": 30}
    for probe in findings["probes"].values():
        for m in probe["measurements"]:
            assert m["sha256"] in findings["weights"].values(), m
            assert (m["value"] is None) == bool(m["reason"]), m
            if m["value"] is not None:
                assert m["n"] > 0
                assert m["low"] <= m["value"] <= m["high"], m
        assert probe["dots"] or probe["curves"], "what a probe finds is drawn"
    pictures = {path.name for path in audit.folder.glob("*.svg")}
    assert pictures == {f"{name}.svg" for name in findings["probes"]}
    assert {o["path"] for k, o in audit.record["outputs"].items() if k.startswith("figure_")} == pictures
    for sentence in (line for probe in findings["probes"].values() for line in probe["sentences"]):
        assert sentence in typed.out


def test_a_report_shows_the_findings(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu("audit", f"run={run.folder}", "audit=[percentile,likeness]", "audit.likeness.samples=30").code == 0
    audit, findings = found(tmp_path)
    typed = gsu("report", f"runs=[{run.folder},{audit.folder}]", "output=page.html")
    assert (typed.code, typed.err) == (0, ""), typed
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert findings["probes"]["percentile"]["sentences"][0] in page
    assert "gap to retrained" in page
    assert page.count('role="img" aria-labelledby="run-1-figure-') == 4, "three charts of percentiles, one of samples"
    assert gsu("show", "runs", f"paths.output_dir={tmp_path / 'outputs'}").code == 0


def test_an_audit_is_no_run_to_be_audited(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu("audit", f"run={run.folder}", "audit=[percentile]", "repeats=1", "hydra.run.dir=audit").code == 0
    typed = gsu("audit", "run=audit", "audit=[percentile]")
    assert typed.code == 2, typed
    assert "`run` must be a run of `gsu unlearn`; found an audit of one. Type run=" in typed.err
    assert f"run={run.folder} to audit that run again" in typed.err


def test_data_that_lie_elsewhere_now_are_found_by_the_words_that_the_sentence_says(
    run: Run, world: World, gsu: Gsu, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    record = json.loads((copy / "record.json").read_text(encoding="utf-8"))
    record["config"]["dataset"]["path"] = str(tmp_path / "gone")
    (copy / "record.json").write_text(json.dumps(record), encoding="utf-8")
    line = ("audit", "run=copy", "audit=[percentile]", "repeats=1")
    typed = gsu(*line)
    assert typed.code == 1
    said = "Say where they lie now with dataset=idx dataset.name=strokes dataset.path="
    assert typed.err.strip().endswith(said), typed.err
    data = next(word for word in world.data if word.startswith("dataset.path="))
    typed = gsu(*line, *said.partition("with ")[2].split()[:-1], data)
    assert (typed.code, typed.err) == (0, ""), typed


def test_influence_of_a_run(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    short = ("audit.influence.samples=2", "audit.influence.images=20", "audit.influence.retained=40",
             "audit.influence.solvers=[kfac,cg]", "repeats=2")  # fmt: skip
    typed = gsu("audit", f"run={run.folder}", "audit=[influence]", *short)
    assert (typed.code, typed.err) == (0, ""), typed
    _, findings = found(tmp_path)
    rows = {m["name"]: m for m in findings["probes"]["influence"]["measurements"] if m["subject"] == "original"}
    assert rows["influence_on_retained_kfac_at_10"]["n"] == 20
    assert rows["residual_cg_at_10"]["value"] < rows["residual_kfac_at_10"]["value"]
    assert (
        "Without class 1, influence at damping 10 predicts that the loss of held-out images that are to stay"
        in typed.out
    )


def test_the_same_line_gives_the_same_numbers(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    for place in ("a", "b"):
        assert gsu("audit", f"run={run.folder}", *SHORT, f"hydra.run.dir={place}").code == 0
    one, two = (json.loads((tmp_path / place / "audit.json").read_text(encoding="utf-8")) for place in ("a", "b"))
    assert one == two


def test_references_are_trained_once_and_found_again(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    line = ("audit", f"run={run.folder}", "audit=[membership,likeness]", "audit.likeness.samples=30", "references=2")
    line = (*line, "workers=2")
    assert gsu(*line).code == 0
    _, findings = found(tmp_path)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs" / "references").rglob("*.safetensors")}
    assert len(files) == 2, "no training state is left behind, nor what processes read"
    assert len(set(findings["weights"].values())) == 5
    rows = findings["probes"]["membership"]["measurements"]
    assert all(m["value"] is not None for m in rows if m["name"] == "auc_likelihood")
    assert gsu(*line, "hydra.run.dir=again").code == 0
    assert files == {path: path.stat().st_mtime_ns for path in files}
    assert json.loads((tmp_path / "again" / "audit.json").read_text(encoding="utf-8")) == findings


def test_a_reference_whose_training_was_stopped_goes_on(
    run: Run, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("audit", f"run={run.folder}", "audit=[percentile]", "repeats=1", "references=2", "workers=1")
    train, keep, went_on, epochs = audit_models.train_anew, whole_epochs.keep, [], []

    def stopped_in_the_second(state: Path, *given: Any, **named: Any) -> None:
        keep(state, *given, **named)
        epochs.append(state.parent.name)
        if epochs.count("2") == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(whole_epochs, "keep", stopped_in_the_second)
        assert gsu(*line).code == 130
    left = sorted(path.name for path in (tmp_path / "outputs/references").rglob("*.safetensors"))
    assert left == ["model.safetensors", "state.safetensors"]

    def noted(*given: Any, **named: Any) -> Any:
        history = train(*given, **named)
        went_on.append(history.resumed_at_epoch)
        return history

    with monkeypatch.context() as patch:
        patch.setattr(audit_models, "train_anew", noted)
        assert gsu(*line).code == 0
    assert went_on == [3]
    assert gsu(*line, "paths.output_dir=whole").code == 0
    one, two = (
        [load_file(path) for path in sorted((tmp_path / place / "references").rglob("*.safetensors"))]
        for place in ("outputs", "whole")
    )
    assert len(one) == 2
    assert all(torch.equal(a[name], b[name]) for a, b in zip(one, two, strict=True) for name in a)


def test_several_unlearned_models_against_several_retrained_ones(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    line = ("audit", f"run={run.folder}", "audit=[klom]", "references=3", "unlearned=1", "repeats=2", "workers=1")
    typed = gsu(*line)
    assert (typed.code, typed.err) == (0, ""), typed
    assert "Over 2 unlearned and 4 retrained models the loss of forgotten images is" in typed.out
    _, findings = found(tmp_path)
    assert len(set(findings["weights"].values())) == 7, "seeds of their own"
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "outputs").rglob("model.safetensors")}
    assert {p.relative_to(tmp_path / "outputs").parts[0] for p in kept} == {"references", "originals", "unlearned"}
    assert gsu(*line, "hydra.run.dir=again").code == 0
    assert kept == {p: p.stat().st_mtime_ns for p in kept}
    assert json.loads((tmp_path / "again" / "audit.json").read_text(encoding="utf-8")) == findings
    (one,) = (p for p in kept if "unlearned" in p.parts)
    one.write_bytes(b"junk")
    typed = gsu(*line, "hydra.run.dir=third")
    assert typed.code == 1
    assert "a model that was unlearned earlier must be whole" in typed.err


def test_a_sample_without_a_reference(world: World, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu(*world.unlearn("method=ascent", forget="forget.sample=[4]")).code == 0
    (run,) = runs(tmp_path)
    typed = gsu("audit", f"run={run.folder}", *SHORT)
    assert (typed.code, typed.err) == (0, ""), typed
    _, findings = found(tmp_path)
    assert findings["images"] == {"forgotten": 1, "unseen": 90}
    assert "The forgotten image stands at percentile" in typed.out
    rows = {m["name"]: m for m in findings["probes"]["percentile"]["measurements"] if m["subject"] == "unlearned"}
    assert rows["percentile"]["low"] < rows["percentile"]["high"], "an interval over the unseen images"
    assert findings["probes"]["likeness"]["measurements"][0]["reason"] == "there is no retrained model"
    assert "there is no retrained model" in typed.out, "a hole in a table says why"
    assert "NOTE  no retrained model is known to compare with: references=1 trains one" in typed.out
    assert findings["notes"][-1].endswith("references=1 trains one")


def test_held_out_images_of_other_data_are_not_taken_for_unseen(world: World, gsu: Gsu, tmp_path: Path) -> None:
    data = other_images(tmp_path / "other")
    line = world.unlearn("method=ascent", f"dataset.path={data}", "hydra.run.dir=run", forget="forget.sample=[4]")
    typed = gsu(*line)
    assert typed.code == 0, typed
    reason = "needs images that the original was not trained on: the held-out ones here may be among the 180 images of"
    assert f"no percentile among unseen images: {reason}" in typed.out
    ranks = [m for m in Run(tmp_path / "run").record["measurements"] if m["name"] == "unseen_percentile"]
    assert ranks
    assert all(m["value"] is None and m["reason"].startswith(reason) for m in ranks)
    typed = gsu("audit", "run=run", "audit=[percentile,membership]", "repeats=1")
    assert typed.code == 0, typed
    _, findings = found(tmp_path)
    rows = [m for probe in findings["probes"].values() for m in probe["measurements"] if m["unit"] in ("%", "share")]
    assert {m["value"] for m in rows} == {None}
    assert reason in typed.out
    assert typed.out.count("of unseen") == 0, "no sentence either"


def test_the_first_reference_stands_in_for_a_retrained_model(world: World, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu(*world.unlearn("method=ascent", forget="forget.sample=[4]")).code == 0
    (run,) = runs(tmp_path)
    line = ("audit", f"run={run.folder}", "audit=[likeness]", "audit.likeness.samples=30", "references=1")
    assert gsu(*line).code == 0
    _, findings = found(tmp_path)
    assert set(findings["weights"]) == {"original", "unlearned", "retrained"}
    assert all(m["value"] is not None for m in findings["probes"]["likeness"]["measurements"])
    (kept,) = (tmp_path / "outputs" / "references").rglob("*.safetensors")
    kept.write_bytes(b"junk")
    typed = gsu(*line, "hydra.run.dir=again")
    assert typed.code == 1
    assert "a reference that was trained earlier must be whole" in typed.err
    assert f"Remove {kept.parent.relative_to(tmp_path)} to have it" in typed.err
    kept.write_bytes((world.retrained.folder / "model.safetensors").read_bytes())
    typed = gsu(*line, "hydra.run.dir=third")
    assert typed.code == 1
    assert "must be what training the original without samples (1) gives; found one trained without" in typed.err
    assert f"Remove {kept.parent.relative_to(tmp_path)} to have it" in typed.err
    assert "checkpoint.retrained" not in typed.err, "nobody typed that"


def test_every_model_is_audited_at_the_guidance_of_the_run(
    run: Run, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    record = json.loads((copy / "record.json").read_text(encoding="utf-8"))
    record["config"]["evaluation"]["guidance"] = 2.0
    (copy / "record.json").write_text(json.dumps(record), encoding="utf-8")
    guided: list[tuple[Any, int]] = []
    monkeypatch.setattr(Plan, "guide", lambda plan, model: guided.append((plan.guidance, id(model))))
    assert gsu("audit", f"run={copy}", "audit=[percentile]", "references=1").code == 0
    assert [guidance for guidance, _ in guided] == [2.0] * 4
    assert len({model for _, model in guided}) == 4, "original, unlearned, retrained and the reference"


@pytest.mark.parametrize(
    ("words", "code", "rule"),
    [
        ((), 2, "`run` must name the folder of an unlearn run"),
        (("run=nowhere",), 1, "a run folder must hold a record.json"),
        (("run={run}", "images=1"), 2, "`images` must be an integer >= 2"),
        (("run={run}", "repeats=x"), 2, "`repeats` must be an integer >= 1"),
        (("run={run}", "references=-1"), 2, "`references` must be an integer >= 0"),
        (("run={run}", "workers=0"), 2, "`workers` must be an integer >= 1"),
        (("run={run}", "unlearned=x"), 2, "`unlearned` must be an integer >= 0"),
        (("run={run}", "unlearned=1", "audit=[percentile]"), 2, "`unlearned` must come with the probe klom"),
        (("run={run}", "unlearned=1", "audit=[klom]"), 2, "Type references=3"),
        (("run={run}", "forget={{}}"), 2, "`gsu audit` must know what was forgotten"),
        (("run={run}", "audit=null"), 2, "`audit` must name at least one probe"),
        (("run={run}", "audit=nothing"), 2, "`audit` must be one of distance, exact, full, influence"),
        (("run={run}", "audit.rebound.at=[3,2]"), 2, "`audit.rebound.at` must ascend"),
        (("run={run}", "checkpoint.path=x"), 2, "`run` names the weights"),
        (
            ("run={trained}",),
            2,
            "finished run of `gsu unlearn` with weights; found one of `gsu train` (done)",
        ),
    ],
)
def test_bad_lines(
    run: Run, world: World, gsu: Gsu, tmp_path: Path, words: tuple[str, ...], code: int, rule: str
) -> None:
    typed = gsu("audit", *(w.format(run=run.folder, trained=world.trained.folder) for w in words))
    assert typed.code == code, typed
    assert rule in typed.err, typed.err
    assert "Traceback" not in typed.err
    assert not list(tmp_path.rglob("audit.json"))


def test_weights_that_changed_are_refused(run: Run, world: World, gsu: Gsu, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "record.json").write_bytes((run.folder / "record.json").read_bytes())
    (copy / "unlearned.safetensors").write_bytes(world.vae.read_bytes())
    typed = gsu("audit", f"run={copy}", *SHORT)
    assert typed.code == 1
    assert "must be those that the run measured" in typed.err
    assert f"checkpoint.path={copy / 'unlearned.safetensors'}`" in typed.err
    (copy / "unlearned.safetensors").unlink()
    record = json.loads((copy / "record.json").read_text(encoding="utf-8"))
    record["outputs"]["unlearned"]["path"] = "unlearned.safetensors"
    (copy / "record.json").write_text(json.dumps(record), encoding="utf-8")
    typed = gsu("audit", f"run={copy}", *SHORT)
    assert typed.code == 1
    assert "the unlearned weights must lie where the run measured them, or in its folder; found none at" in typed.err


def test_an_audit_that_was_stopped_goes_on_with_the_next_probe(
    run: Run, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("audit", f"run={run.folder}", "audit=[percentile,membership,likeness]", "audit.likeness.samples=30")
    assert gsu(*line, "paths.output_dir=whole", "hydra.run.dir=whole").code == 0
    asked: list[str] = []
    monkeypatch.setattr(Percentile, "__call__", _noting(Percentile.__call__, "percentile", asked))
    with monkeypatch.context() as patch:
        patch.setattr(Membership, "__call__", _stopped)
        typed = gsu(*line, "paths.output_dir=out", "hydra.run.dir=stopped")
    assert typed.code == 130, typed
    assert "1 of 3 probes are finished; the same line goes on from there" in typed.out
    assert Run(tmp_path / "stopped").record["status"] == "interrupted"
    assert not (tmp_path / "stopped/audit.json").exists()
    assert [path.name.partition("-")[0] for path in (tmp_path / "out/probes").iterdir()] == ["percentile"]

    for other in (["seeds.evaluate=1"], ["repeats=1"], ["images=9"], ["seed=1", "audit.likeness.samples=31"]):
        with monkeypatch.context() as patch:
            patch.setattr(Membership, "__call__", _stopped)
            assert gsu(*line, *other, "paths.output_dir=out").code == 130
    assert asked == ["percentile"] * 4, "what is other is not taken for the same; the last asks as the first did"
    typed = gsu(*line, "paths.output_dir=out", "hydra.run.dir=stopped")
    assert (typed.code, typed.err) == (0, ""), typed
    assert "1 of 3 probes were finished earlier: percentile" in typed.out
    assert asked == ["percentile"] * 4
    one, two = ((tmp_path / place / "audit.json").read_text(encoding="utf-8") for place in ("whole", "stopped"))
    assert one.replace("=whole", "=out") == two
    assert len(list((tmp_path / "out/probes").iterdir())) == 3, "those of the other lines, which are not done"
    assert not (tmp_path / "whole/probes").exists()


def test_findings_that_were_damaged_or_are_of_other_weights_are_not_taken(
    run: Run, world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = f"checkpoint.retrained={world.retrained.folder / 'model.safetensors'}"
    assert gsu(*world.unlearn("method=ascent", "method.lr=0.002", reference, "hydra.run.dir=other")).code == 0
    asked: list[str] = []
    monkeypatch.setattr(Percentile, "__call__", _noting(Percentile.__call__, "percentile", asked))
    line = ("audit=[percentile,membership]", "repeats=1")
    with monkeypatch.context() as patch:
        patch.setattr(Membership, "__call__", _stopped)
        for folder in (run.folder, tmp_path / "other"):
            assert gsu("audit", f"run={folder}", *line).code == 130
    assert len(asked) == 2
    kept = list((tmp_path / "outputs/probes").iterdir())
    assert len(kept) == 2
    for path in kept:
        path.write_text(path.read_text(encoding="utf-8").replace("0.", "1.", 1), encoding="utf-8")
    typed = gsu("audit", f"run={run.folder}", *line)
    assert typed.code == 0, typed
    assert "finished earlier" not in typed.out
    assert len(asked) == 3


def _noting(probe: Callable[..., Any], name: str, asked: list[str]) -> Callable[..., Any]:
    return lambda self, case: (asked.append(name), probe(self, case))[1]


def _stopped(self: object, case: object) -> Any:
    raise KeyboardInterrupt
