#!/usr/bin/env bash
# unlearn-lib 0.1.0 (evaluation.get_SVC_MIA and m_entropy), torch 2.14.1.
# Guess: the modified entropy of Song and Mittal is near 0 for an image that is surely of its own class and large for one that is surely
#   of another, so an attack with it tells members, whose labels were learned, from images whose labels are guessed.
# Truth: each image's row is changed at the labels of all images of the set instead of at its own, and log(p) stands where log(1 - p)
#   should. In a set with all classes the number is the same whatever the labels are; in a set of one class it is another number.
# Matters: of models that are as sure of wrong classes as of right ones the attack by m_entropy is right in half of the cases, where 3/4
#   can be told, and forgotten images of one class are compared with a threshold of another formula: 0.2 against 54.
#   Compute it yourself, or read the attack by confidence.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 scipy==1.17.1 \
  scikit-learn==1.9.1 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps xgboost==3.1.2 unlearn-lib==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version

import torch
from sklearn.svm import SVC
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from unlearn.evaluation import get_SVC_MIA
from unlearn.evaluation.svc_mia import m_entropy

print(*(f"{name} {version(name)}" for name in ("unlearn-lib", "torch")))
torch.set_num_threads(1)
torch.manual_seed(0)
CLASSES, N = 10, 1000
model = nn.Linear(CLASSES, CLASSES, bias=False)  # an image is what the model says of it
model.weight.data = torch.eye(CLASSES)


def images(right):
    """Images that the model is sure of, a share of them rightly."""
    labels = torch.randint(CLASSES, (N,))
    shown = torch.where(torch.rand(N) < right, labels, (labels + torch.randint(1, CLASSES, (N,))) % CLASSES)
    return 6 * nn.functional.one_hot(shown, CLASSES).float() + torch.randn(N, CLASSES), labels


def by_the_paper(p, labels):
    """-(1 - p_y) log p_y - the sum over other classes of p_i log(1 - p_i), image by image."""
    values = []
    for row, y in zip(p.double().tolist(), labels.tolist()):
        q = torch.tensor(row, dtype=torch.float64)
        other = torch.cat([q[:y], q[y + 1 :]])
        values.append(-(1 - q[y]) * q[y].log() - (other * torch.log1p(-other)).sum())
    return torch.stack(values)


members, others, targets, fresh = images(1.0), images(0.5), images(1.0), images(0.5)
for name, (data, labels) in (("members, all surely right", members), ("others, half of them surely wrong", others)):
    p = torch.softmax(data, 1)
    seen, shuffled, wanted = m_entropy(p, labels), m_entropy(p, labels[torch.randperm(N)]), by_the_paper(p, labels)
    one = labels == 3
    alone = m_entropy(p[one], labels[one])
    print(f"  {name}: expected {wanted.mean():.3f}, seen {seen.mean():.2f}, with any other labels {shuffled.mean():.2f}; "
          f"those of one class {seen[one].mean():.2f} in the set and {alone.mean():.2f} alone")
    assert torch.equal(seen, shuffled), "labels matter now"
    assert seen.mean() > 50 and wanted.mean() < 6 and alone.mean() < 5
with contextlib.redirect_stdout(io.StringIO()):
    found = get_SVC_MIA(*(DataLoader(TensorDataset(*part), batch_size=250) for part in (members, others, targets, fresh)), model)
known = [by_the_paper(torch.softmax(data, 1), labels)[:, None].numpy() for data, labels in (members, others, targets, fresh)]
attack = SVC(C=3, gamma="auto").fit([*known[0], *known[1]], [1] * N + [0] * N)
wanted = (attack.predict(known[2]).mean() + 1 - attack.predict(known[3]).mean()) / 2
print(f"  attack by m_entropy: expected {wanted:.3f}, seen {found['m_entropy']:.3f}; by confidence {found['confidence']:.3f}")
assert abs(found["m_entropy"] - 0.5) < 0.04 and min(wanted, found["confidence"]) > 0.7, "the attack sees labels now"
print("behaviour as described")
PY
