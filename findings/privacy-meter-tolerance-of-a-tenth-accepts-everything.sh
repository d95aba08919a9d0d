#!/usr/bin/env bash
# Privacy-Meter 1.0.1 (Audit with fpr_tolerances, its default linear_itp_threshold_func, and gaussian_threshold_func), torch 2.13.0.
# Guess: with fpr_tolerances=[0.001, 0.01, 0.1] the three results are attacks whose false positive rates are about those, and with 0.01 alone
#   there is one result, at 0.01.
# Truth: the first tolerance and the last are never read. Their thresholds are the least loss less 0.0001 and the greatest plus 0.0001, which is
#   right for the ends of a whole curve from 0 to 1 and for nothing else; of a single tolerance these two are all that is left. And
#   gaussian_threshold_func takes 1 - tolerance for the tolerance where each record has its own reference losses.
# Matters: at "0.1" all records are members, TPR 1 and FPR 1, whether the model leaks or not; at "0.001" the TPR is 0.07 where it is 0.16; 0.01 alone
#   gives two results, and neither is at 0.01. The Gaussian reference attack has an FPR of 0.99 for 0.01. Frame the list with 0 and 1.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 opacus==1.6.0 tensorflow-cpu==2.21.0 scikit-learn==1.9.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps Privacy-Meter==1.0.1
TF_CPP_MIN_LOG_LEVEL=3 "$dir/venv/bin/python" -W ignore - 2>"$dir/said" <<'PY' || { tail -5 "$dir/said" >&2; exit 1; }
from contextlib import redirect_stdout
from importlib.metadata import version

import numpy as np
from privacy_meter.audit import Audit
from privacy_meter.constants import InferenceGame, MetricEnum
from privacy_meter.dataset import Dataset
from privacy_meter.hypothesis_test import gaussian_threshold_func, linear_itp_threshold_func
from privacy_meter.information_source import InformationSource
from privacy_meter.information_source_signal import ModelLoss
from privacy_meter.metric import ReferenceMetric
from privacy_meter.model import Model

print("Privacy-Meter", version("Privacy-Meter"), "numpy", np.__version__)
COUNT, MODELS = 5000, 30
rng = np.random.default_rng(0)


class Losses(Model):
    """A model whose loss is the hardness of a record, noise of its training, and less by `learnt` on what it was trained on."""

    def __init__(self, learnt, seed):
        super().__init__(None, None)
        self.learnt, self.seed = learnt, seed

    def get_loss(self, batch_samples, batch_labels, per_point=True):
        noise = np.random.default_rng([self.seed, len(batch_samples), int(batch_samples[0] * 1e6)]).normal(size=len(batch_samples))
        return 100 + 5 * batch_samples + noise - self.learnt * batch_labels

    get_logits = get_grad = get_intermediate_outputs = None


def data(member):
    return {"x": np.abs(rng.normal(size=COUNT)), "y": np.full(COUNT, float(member))}


def source(models, *sets):
    return InformationSource(models=models, datasets=list(sets))


def rates(audit):
    audit.prepare()
    with redirect_stdout(None):
        found = audit.run()[0][0]
    return [(float(fp) / COUNT, float(tp) / COUNT) for fp, tp in zip(found.fp, found.tp)]


def text(pairs):
    return ", ".join(f"FPR {fpr:.4f} TPR {tpr:.4f}" for fpr, tpr in pairs)


own = Dataset({"train": data(1), "test": data(0)}, "x", "y")
population = Dataset({"train": data(0)}, "x", "y")
for name, learnt in (("a model that leaks", 3.0), ("one that does not", 0.0)):
    target = Losses(learnt, 1)
    seen = {}
    for tolerances in ([0.001, 0.01, 0.1], 0.01, [0.0, 0.001, 0.01, 0.1, 1.0]):
        audit = Audit(MetricEnum.POPULATION, InferenceGame.PRIVACY_LOSS_MODEL, source([target], own), source([target], population),
                      fpr_tolerances=tolerances, logs_directory_names=f"log-{learnt}-{tolerances}")
        seen[str(tolerances)] = found = rates(audit)
        print(f"  {name}, tolerances {tolerances}: seen {text(found)}")
    framed = seen[str([0.0, 0.001, 0.01, 0.1, 1.0])]
    assert all(abs(fpr - asked) < 0.4 * asked + 0.001 for (fpr, _), asked in zip(framed[1:4], (0.001, 0.01, 0.1)))
    assert seen[str([0.001, 0.01, 0.1])] == [(0.0, seen[str([0.001, 0.01, 0.1])][0][1]), framed[2], (1.0, 1.0)], "the ends are read now"
    assert [fpr for fpr, _ in seen["0.01"]] == [0.0, 1.0], "a single tolerance is read now"

references = [Losses(0.0, 10 + k) for k in range(MODELS)]
for name, thresholds in (("linear", linear_itp_threshold_func), ("Gaussian", gaussian_threshold_func)):
    target = Losses(3.0, 1)
    metric = ReferenceMetric(source([target], own), source(references, own), [ModelLoss()], thresholds)
    audit = Audit(metric, InferenceGame.PRIVACY_LOSS_MODEL, source([target], own), source(references, own),
                  fpr_tolerances=[0.0, 0.01, 0.1, 1.0], logs_directory_names=f"log-reference-{name}")
    found = rates(audit)[1:3]
    print(f"  the model that leaks, reference attack, {name}, at 0.01 and 0.1: seen {text(found)}")
    if name == "Gaussian":
        assert found[0][0] > 0.95 and 0.85 < found[1][0] < 0.95, "the Gaussian takes the tolerance now"
    else:
        assert found[0][0] < 0.1 and abs(found[1][0] - 0.1) < 0.05
print("behaviour as described")
PY
