#!/usr/bin/env bash
# frd-score 1.0.1 (detect_ood, `frd ood`, with id_dist_assumption="t"), numpy 2.4.6, scipy 1.17.1.
# Guess: the p-value of an image says how rare its distance is among images like the reference: of fresh ones 5 % have less than 0.05, and
#   it is below 0.05 where ood_prediction, in the next column, is True.
# Truth: the distance of one image is divided by the standard error of the mean of all reference images. The threshold behind the prediction
#   is made of the deviation. The more reference images, the surer every image is an outlier, or surely none.
# Matters: of fresh images half have p < 0.05, and of 2,000 reference images 0.45 have p < 1e-6, so no correction for their number helps; 42 %
#   of rows contradict their own prediction. "gaussian" (the default) and "counting" are right with many reference images.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 scipy==1.17.1 pillow==13.0.0 SimpleITK==2.5.7 \
  opencv-contrib-python-headless==5.0.0.93
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps frd-score==1.0.1
"$dir/venv/bin/python" -W ignore - <<'PY' | grep -v -e "^OOD predictions saved" -e "^Threshold:"
import csv
from importlib.metadata import version

import numpy as np
from frd_score import detect_ood
from scipy.stats import norm
from scipy.stats import t as student

print(*(f"{name} {version(name)}" for name in ("frd-score", "numpy", "scipy", "SimpleITK")))
rng = np.random.default_rng(0)
FRESH, FEATURES = 2_000, 50
seen = {}
for number in (200, 2_000):
    reference, fresh = rng.normal(size=(number, FEATURES)), rng.normal(size=(FRESH, FEATURES))
    distance, own = (np.linalg.norm(x - reference.mean(0), axis=1) for x in (fresh, reference))
    for how in ("gaussian", "counting", "t"):
        found = detect_ood([reference, fresh], id_dist_assumption=how, output_dir="out")
        p, outlier = found["p_values"], found["predictions"]
        with open("out/ood_predictions.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        against = np.mean([(float(row["p_value"]) < 0.05) != (row["ood_prediction"] == "True") for row in rows])
        seen[number, how] = np.mean(p < 0.05), np.mean(p < 1e-6), np.mean(outlier), against
        print(f"  {number} reference images, {FRESH} fresh ones, {how}: expected p < 0.05 for 0.05 of them, p < 1e-6 for none, seen {np.mean(p < 0.05):.3f} "
              f"and {np.mean(p < 1e-6):.3f}; called outliers {np.mean(outlier):.3f}, in the file p < 0.05 and the prediction disagree in {against:.3f}")
        if how == "t":
            of_one = student.sf((distance - own.mean()) / (own.std() * np.sqrt(1 + 1 / number)), number - 1)  # of one further draw
            of_mean = student.sf((distance - own.mean()) / (own.std() / np.sqrt(number)), number - 1)
            assert abs(np.mean(of_one < 0.05) - 0.05) < 0.025 and np.allclose(p, of_mean, atol=1e-12), "t is of one image now"
        elif how == "gaussian":
            assert np.allclose(p, norm.sf((distance - own.mean()) / own.std()), atol=1e-12)
    for how in ("gaussian", "counting"):
        assert abs(seen[number, how][0] - 0.05) < 0.025 and seen[number, how][3] < 0.03
    below, surely, called, against = seen[number, "t"]
    assert 0.4 < below < 0.6 and surely > 0.35 and called < 0.075 and against > 0.35, "p-values agree with the threshold now"
print("behaviour as described")
PY
