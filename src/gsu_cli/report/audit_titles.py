"""What tables call a row of an audit: "tpr_at_1_percent_loss" is "TPR at 1% FPR (loss)", in the field's words."""

from __future__ import annotations

import re

IMAGES = {
    "forgotten": "forgotten images",
    "retained": "retained images",
    "unseen_retained": "unseen images that stay",
    "heldout": "held-out images",
    "training": "training images",
    "shown": "samples that show it",
    "other": "other samples",
    "samples": "samples",
}
WORDS = {"cg": "conjugate gradients", "kfac": "K-FAC", "rmia": "RMIA", "iwae": "IWAE", "models": "several models"}
_PART = "|".join(sorted(IMAGES, key=len, reverse=True))
_SCORE = r"(?P<by>\w+?)"
_AT = r"(?:_at_(?P<damping>[\d.e+-]+))?"
_SOLVED = rf"(?P<by>cg|kfac|inner_product){_AT}"
_RISE = r"(?P<what>predicted|realised)_rise"
_OF = rf"(?P<models>models_)?(?P<part>{_PART})"
FORMS = [
    (r"percentile", "percentile among unseen images"),
    (r"forgotten_loss", "loss of forgotten images"),
    (r"forgotten_loss_mean_retrained", "loss of forgotten images, mean of retrained models"),
    (r"unseen_loss", "loss of unseen images"),
    (r"share_of_retrained_increase", "rise of the loss, times retraining's"),
    (r"percentile_from_retrained", "distance from the retrained percentile"),
    (rf"auc_{_SCORE}_minus_retrained", "AUC minus retrained models'"),
    (rf"auc_{_SCORE}_mean_retrained", "AUC, mean of retrained models"),
    (rf"auc_{_SCORE}_in", "AUC of models trained on them"),
    (rf"auc_{_SCORE}", "AUC"),
    (rf"tpr_at_1_percent_{_SCORE}", "TPR at 1% FPR"),
    (rf"klom_floor_{_OF}", "KLoM floor, {part}"),
    (rf"klom_{_OF}", "KLoM, {part}"),
    (rf"floors_{_OF}", "KLoM in floors, {part}"),
    (rf"loss_shift_{_OF}", "loss above retraining's, {part}"),
    (r"(?P<probe>\w+)_(?P<what>loss|feature_ratio)_after_(?P<steps>\d+)", "{probe}: {what} after {steps} steps"),
    (rf"{_RISE}_without_(?P<left>\d+){_AT}", "{what} rise, {left} left out"),
    (rf"{_RISE}_of_(?P<part>{_PART})_without_(?P<left>\d+){_AT}", "{what} rise, {part}, {left} left out"),
    (r"floor_without_(?P<left>\d+)", "floor, {left} left out"),
    (rf"floor_of_(?P<part>{_PART})_without_(?P<left>\d+)", "floor, {part}, {left} left out"),
    (rf"influence_left_on_(?P<part>{_PART}){_AT}", "influence left on {part}"),
    (rf"influence_on_(?P<part>{_PART})_{_SOLVED}", "influence on {part}"),
    (rf"change_on_(?P<part>{_PART})", "change on {part}"),
    (rf"rank_correlation_(?P<by>\w+?)_on_(?P<part>{_PART}){_AT}", "rank correlation on {part}"),
    (rf"lds_(?P<part>{_PART})_{_SOLVED}", "LDS, {part}"),
    (rf"residual_{_SOLVED}", "residual of the solve"),
]
_FORMS = [(re.compile(pattern), words) for pattern, words in FORMS]


def row_words(name: str) -> str:
    """The title of a row; a name of no known form, such as a probe's of one's own, has spaces for its bars.

    >>> row_words("auc_loss_minus_retrained"), row_words("lds_heldout_kfac_at_10"), row_words("my_own")
    ("AUC minus retrained models' (loss)", 'LDS, held-out images (K-FAC, damping 10)', 'my own')
    """
    for pattern, words in _FORMS:
        if match := pattern.fullmatch(name):
            found = {key: IMAGES.get(value, _plain(value)) for key, value in match.groupdict().items() if value}
            behind = [found[key] for key in ("by", "models") if key in found]
            behind += [f"damping {found['damping']}"] if "damping" in found else []
            return words.format(**found) + (f" ({', '.join(behind)})" if behind else "")
    return _plain(name)


def _plain(name: str) -> str:
    return " ".join(WORDS.get(word, word) for word in name.strip("_").split("_"))
