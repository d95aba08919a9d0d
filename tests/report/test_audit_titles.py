"""Rows of audits in the field's words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gsu_cli.report.audit import tables
from gsu_cli.report.audit_titles import row_words

KEPT = sorted((Path(__file__).parents[2] / "docs" / "results" / "audit").glob("*.json"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tpr_at_1_percent_loss", "TPR at 1% FPR (loss)"),
        ("auc_rmia", "AUC (RMIA)"),
        ("auc_online_in", "AUC of models trained on them (online)"),
        ("auc_loss_minus_retrained", "AUC minus retrained models' (loss)"),
        ("klom_unseen_retained", "KLoM, unseen images that stay"),
        ("floors_models_forgotten", "KLoM in floors, forgotten images (several models)"),
        ("relearning_feature_ratio_after_200", "relearning: feature ratio after 200 steps"),
        ("predicted_rise_without_4_at_10", "predicted rise, 4 left out (damping 10)"),
        ("realised_rise_of_heldout_without_4", "realised rise, held-out images, 4 left out"),
        ("influence_on_retained_cg_at_0.1", "influence on retained images (conjugate gradients, damping 0.1)"),
        ("rank_correlation_inner_product_on_samples_at_10", "rank correlation on samples (inner product, damping 10)"),
        ("lds_training_inner_product", "LDS, training images (inner product)"),
        ("brightness_of_hats", "brightness of hats"),
    ],
)
def test_titles(name: str, words: str) -> None:
    assert row_words(name) == words


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_no_two_rows_of_a_probe_have_one_title(path: Path) -> None:
    """Rows of one title would be one row, and one's numbers would be lost."""
    found = json.loads(path.read_text())
    for table, probe in zip(tables(found), found["probes"].values(), strict=True):
        kinds = {(m["name"], m["judge"]) for m in probe["measurements"]}
        assert len({row[0].label for row in table.rows}) == len(table.rows) == len(kinds), table.title
        assert not any("_" in row[0].label for row in table.rows)
