#!/usr/bin/env bash
# erasus 0.2.0 (machine unlearning toolkit), MIAMetric, MembershipInferenceMetric and the privacy audit.
# Guess: the attack compares the forget set with data that was never trained on; an AUC near 0.5 means "forgotten".
# Truth: the non-members are the *retain* set, which was trained on too, so a network that has memorised both and has
#   unlearned nothing scores about 0.5. And the curve is drawn at 200 thresholds evenly spaced in the loss: where most
#   losses are tiny and a few are large (any trained network) they all fall between two thresholds, and the network
#   retrained without the forget set scores 0.5 as well, although the exact area for the same losses is 0.05.
# Matters: the untouched original and the retrained reference get the same "forgotten".
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scikit-learn==1.9.1 pyyaml==6.0.4
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps erasus==0.2.0  # its other requirements are not used here
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import torch
from erasus.metrics.forgetting.mia import MIAMetric
from sklearn.metrics import roc_auc_score
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = torch.randn(600, 30), torch.randint(0, 2, (600,))  # labels of pure noise: all that is learned is memory
forget, retain, held_out = slice(0, 100), slice(100, 400), slice(400, 600)


def train(rows):
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(30, 400), torch.nn.ReLU(), torch.nn.Linear(400, 2))
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(60):
        adam.zero_grad()
        cross_entropy(net(x[rows]), y[rows]).backward()
        adam.step()
    return net


def library(net):
    loader = lambda rows: DataLoader(TensorDataset(x[rows], y[rows]), batch_size=100)
    return MIAMetric().compute(net, loader(forget), loader(retain))["mia_auc"]


def exact(net, others):
    loss = cross_entropy(net(x), y, reduction="none").detach()
    return roc_auc_score([1] * 100 + [0] * len(loss[others]), torch.cat([-loss[forget], -loss[others]]))


print("erasus", version("erasus"), "- membership AUC of the forget set; 0.5 is said to mean forgotten")
original, retrained = train(slice(0, 400)), train(retain)
for name, net in (("original, nothing unlearned", original), ("retrained without the forget set", retrained)):
    print(f"  {name}: expected (against held-out data) {exact(net, held_out):.2f}, exact area for the library's own"
          f" comparison {exact(net, retain):.2f}, seen {library(net):.2f}")
assert abs(library(original) - 0.5) < 0.1 and exact(original, held_out) > 0.8
assert abs(library(retrained) - 0.5) < 0.1 and exact(retrained, retain) < 0.15
print("behaviour as described")
PY
