"""Records of schema 1 as records of schema 2: new names, and what each measurement now says of itself.

Schema 1 is closed: what stands here describes what was written then, and changes no more. Numbers are never touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gsu_cli.errors import GsuError

SCHEMA = 2
MEASUREMENTS = {
    "neg_elbo_retain": "heldout_loss_retain",
    "neg_elbo_forget": "heldout_loss_forget",
    "neg_elbo_drawn": "sample_nll_retrained",
    "identity_distance": "retained_shift",
    "identity_distance_features": "retained_shift_features",
}
METRICS = {
    "neg_elbo_retain": "heldout_loss_retain",
    "neg_elbo_forget": "heldout_loss_forget",
    "neg_elbo_drawn": "sample_nll_retrained",
    "identity": "retained_shift",
}
OPTIONS = (("checkpoint", "twin", "retrained"), ("method", "corrected", "ekfac"))
INCREASES = {"rise": "relative_increase", "raise": "relative_increase"}
STAGES = {"gauge": "retain_cost"}
ELBO = "-ELBO, nats"
UNITS = {"spreads of the features": "spreads"}
LEAD, ASIDE = {"place": "lead"}, {"place": "aside"}
ABOUT: dict[str, dict[str, Any]] = {
    "feature_ratio": {"label": "feature ratio", "role": "forgetting", **LEAD},
    "feature_ratio_reconstructions": {"label": "ratio in reconstructions", "role": "forgetting"},
    "heldout_loss_retain": {"label": "retain loss", "role": "cost", **LEAD},
    "heldout_loss_forget": {"label": "forget loss", "role": "forgetting"},
    "sample_nll_retrained": {"label": "sample NLL, retrained model", "role": "quality"},
    "retained_shift": {"label": "retained shift", "role": "cost"},
    "retained_shift_features": {"label": "retained shift, features", "role": "cost"},
    "gained": {"label": "retained samples that gained it", "role": "cost", **ASIDE},
    "retained_moved": {"label": "retained samples that moved", "role": "cost", **ASIDE},
    "frechet_distance": {"label": "Frechet distance", "role": "quality", "ruined_at": 4.0},
    "fid": {"label": "FID (Inception)", "role": "quality"},
    "inception_score": {"label": "inception score", "role": "quality"},
    "abstention": {"label": "abstention", "role": "trust"},
    "variety": {"label": "spread of samples", "role": "trust", "ruined_at": 0.25, **ASIDE},
}
JUDGES = {"cnn": "CNN", "knn": "kNN"}


def check_schema(schema: object, newest: int, where: str, way_out: str, kind: type[GsuError] = GsuError) -> None:
    """Refuses what is no schema that gsu ever wrote.

    Args:
        schema: as it stands in the file.
        newest: that this gsu writes.
        where: of which file, for the sentence.
        way_out: where such a file is to be had; of a newer one it is another gsu.
        kind: of the failure.

    Raises:
        GsuError: it is no whole number from 1 to ``newest``.
    """
    whole = isinstance(schema, int) and not isinstance(schema, bool)
    if whole and 1 <= schema <= newest:  # type: ignore[operator]  # narrowed by `whole`, which mypy cannot see
        return
    newer = whole and schema > newest  # type: ignore[operator]
    allowed = f"a whole number from 1 to {newest}" if newest > 1 else "1"
    raise kind(f"{where} must be {allowed}", found=json.dumps(schema)[:40], way_out="Update gsu" if newer else way_out)


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a record as one of schema 2; any other than of schema 1 as it is.

    What is of another kind than gsu writes is left for the checks of the reader.
    """
    if data.get("schema") != 1:
        return data
    found = {**data, "schema": SCHEMA}
    if isinstance(config := data.get("config"), dict):
        found["config"] = _config(config)
    if isinstance(update := data.get("update"), dict) and "details" in update:
        found["update"] = {**update, "details": _increases(update["details"])}
    if isinstance(seconds := data.get("seconds"), dict):
        found["seconds"] = {STAGES.get(name, name): value for name, value in seconds.items()}
    if isinstance(judges := data.get("judges"), list):
        found["judges"] = [_judge(judge) for judge in judges]
    turned = data.get("transitions")
    turned = turned if isinstance(turned, dict) else {}
    for name in ("measurements", "curve"):
        if isinstance(rows := data.get(name), list):
            found[name] = measured(rows, turned) if name == "measurements" else [_point(point) for point in rows]
    judges, rows = (found.get(name, []) for name in ("judges", "measurements"))
    if isinstance(judges, list) and isinstance(rows, list):
        known = [_word(judge, "name") for judge in judges]
        asked = dict.fromkeys(_word(m, "judge") for m in rows)
        more = [{"name": name, "label": JUDGES[name]} for name in asked if name in JUDGES and name not in known]
        found["judges"] = [*judges, *more]
    return found


def _word(entry: Any, key: str) -> str:
    """The text at a key of a mapping; empty where either is of another kind."""
    value = entry.get(key) if isinstance(entry, dict) else None
    return value if isinstance(value, str) else ""


def measured(rows: list[Any], turned: Mapping[str, Any] | None = None) -> list[Any]:
    """The measurements of schema 1, as those of schema 2.

    A model without a -ELBO had a null for it beside its own loss; that null goes.

    Args:
        rows: as in the JSON.
        turned: the field ``transitions`` of the record, where details of some stood.
    """
    there = {(_word(m, "name"), _word(m, "subject")) for m in rows}
    kept = [m for m in rows if not _is_null_of_another(m) or (_renamed(m), _word(m, "subject")) not in there]
    return [_measurement(m, turned or {}) if isinstance(m, dict) else m for m in kept]


def _is_null_of_another(m: Any) -> bool:
    return isinstance(m, dict) and _word(m, "name") in MEASUREMENTS and m.get("value") is None


def _renamed(m: Any) -> str:
    name = _word(m, "name")
    return MEASUREMENTS.get(name, name)


def _measurement(m: dict[str, Any], turned: Mapping[str, Any]) -> dict[str, Any]:
    name = _renamed(m)
    if not name:
        return m
    found = {**m, "name": name, **about(name)}
    if _word(m, "name").startswith("neg_elbo_"):
        found["unit"] = ELBO
    elif _word(m, "unit") in UNITS:
        found["unit"] = UNITS[m["unit"]]
    if detail := _detail(name, _word(m, "judge"), turned):
        found["detail"] = detail
    return found


def about(name: str) -> dict[str, Any]:
    """Label, role and place of a measurement of schema 1."""
    if name.startswith("attribute_"):
        return {"label": name.removeprefix("attribute_").replace("_", " "), "role": "cost"}
    if name.startswith("loss_at_noise_"):
        return {"label": name.replace("_", " "), "role": "cost", "place": "record"}
    return ABOUT.get(name, {})


def _detail(name: str, judge: str, turned: Mapping[str, Any]) -> str:
    try:
        if name == "gained" and (others := turned["judged"][judge]["others_gain"]) is not None:
            return f"others gain {others:.2%} on average"
        if name == "retained_moved":
            return f"farther than a neighbour, {turned['moved']['between_neighbours']:.1f} grey levels"
    except (KeyError, TypeError, ValueError):
        pass  # not noted then, or by a foreign hand
    return ""


def _point(point: Any) -> Any:
    rows = point.get("measurements") if isinstance(point, dict) else None
    return _increases({**point, "measurements": measured(rows)} if isinstance(rows, list) else point)


def _increases(value: Any) -> Any:
    """With what was called a rise or a raise of the retain loss by its name of today."""
    if isinstance(value, dict):
        return {INCREASES.get(key, key): _increases(inner) for key, inner in value.items()}
    return [_increases(inner) for inner in value] if isinstance(value, list) else value


def _judge(judge: Any) -> Any:
    name = _word(judge, "name")
    return {**judge, "label": JUDGES[name]} if name in JUDGES else judge


def _config(config: dict[str, Any]) -> dict[str, Any]:
    found = dict(config)
    if isinstance(metrics := config.get("metric"), dict):
        kept = {k: v for k, v in metrics.items() if k not in METRICS or METRICS[k] not in metrics}
        found["metric"] = {METRICS.get(k, k): v for k, v in kept.items()}
    for group, old, new in OPTIONS:
        if isinstance(options := found.get(group), dict) and old in options and new not in options:
            found[group] = {new if name == old else name: value for name, value in options.items()}
    return found
