#!/usr/bin/env bash
# auditml 0.1.0 (attacks.mia_threshold.ThresholdMIA, the first attack of auditml.audit), torch 2.13.0.
# Guess: "finds the optimal threshold that maximises accuracy" for the loss of each record, its default: at that threshold a model that
#   learned its training set by heart betrays nearly all records.
# Truth: the threshold is the best one for "a member if the score is higher", and is used for "a member if the loss is lower". Where
#   members have lower losses, the best of these thresholds calls everything one thing: the accuracy is half, of any model. So it is
#   for metric="entropy"; only metric="confidence" is right, and the area under the curve, which needs no threshold.
# Matters: accuracy, precision and recall do not tell a model that leaks everything from one that forgot everything. Read auc_roc.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1 \
  PyYAML==6.0.4 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps auditml==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import torch
from auditml.attacks.mia_threshold import ThresholdMIA
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

print(*(f"{name} {version(name)}" for name in ("auditml", "torch")))
torch.set_num_threads(1)
torch.manual_seed(0)
N = 400


def records():  # labels that are half chance, so that they can be learned by heart only
    x = torch.randn(N, 20)
    y = (x[:, 0] > 0).long()
    return x, torch.where(torch.rand(N) < 0.5, torch.randint(2, (N,)), y)


def trained(x, y, steps):
    model = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 2))
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        adam.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        adam.step()
    return model.eval()


def best(member, other, lower):
    """The accuracy of the best threshold, looked for in the right direction."""
    if lower:
        member, other = -member, -other
    every = np.concatenate([member, other])
    return max(float(np.mean(member >= t) + np.mean(other < t)) / 2 for t in np.append(every, np.inf))


inside, outside = records(), records()
seen = {}
for name, steps in (("learned by heart", 300), ("never trained", 0)):
    model = trained(*inside, steps)
    for metric in ("loss", "entropy", "confidence"):
        attack = ThresholdMIA(model, metric=metric)
        attack.run(*(DataLoader(TensorDataset(*half), batch_size=100) for half in (inside, outside)))
        found = attack.evaluate()
        expected = best(attack.member_scores, attack.nonmember_scores, metric != "confidence")
        seen[name, metric] = expected, found["accuracy"], found["auc_roc"]
        print(f"  {name}, {metric}: expected accuracy {expected:.3f}, seen {found['accuracy']:.3f} (precision {found['precision']:.2f}, "
              f"recall {found['recall']:.2f}); area {found['auc_roc']:.3f}")
for metric in ("loss", "entropy"):
    expected, found, area = seen["learned by heart", metric]
    assert expected > 0.7 and area > 0.6 and found < 0.53, "the threshold is looked for in the right direction now"
expected, found, area = seen["learned by heart", "confidence"]
assert abs(found - expected) < 0.02 and found > 0.7
assert abs(seen["learned by heart", "loss"][1] - seen["never trained", "loss"][1]) < 0.05
print("behaviour as described")
PY
