#!/usr/bin/env bash
# quanda 0.5.0 (MislabelingDetectionMetric, SelfInfluenceRanking), torch 2.14.1.
# Guess: the "global ranking of training data" is "ordered by the self-influence scores": neither the place of an image in the training set
#   nor the unit of the influence changes what a detector of wrong labels scores.
# Truth: before sorting, 0.0001 times its place in the set is added to each influence, to keep ties in order: up to 2 for 20,000 images.
#   Influences in a small unit, such as TracIn's, which are multiplied by the learning rate, are ranked by place alone: the training
#   set read backwards.
# Matters: one set of influences finds nearly all wrong labels or is far worse than chance, by where they stand; attribution methods
#   are ranked by the unit of their scores. Pass influences multiplied by a large number (10^6 here), in double precision.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 torchvision==0.29.1 \
  numpy==2.4.6 lightning==2.6.6 \
  datasets==5.2.0 transformers==5.24.0 torchmetrics==1.9.0 torcheval==0.0.7 omegaconf==2.3.1 accelerate==1.15.0 \
  scipy==1.17.1 einops==0.8.2 opt_einsum==3.4.0 matplotlib==3.11.2 PyYAML==6.0.4 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps quanda==0.5.0 captum==0.8.0 \
  kronfluence==1.0.1 einconv==0.1.0 einops==0.8.2 dattri==0.3.0 \
  traker==0.3.2
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from quanda.metrics.downstream_eval import MislabelingDetectionMetric
from torch import nn
from torch.utils.data import TensorDataset

print(*(f"{name} {version(name)}" for name in ("quanda", "torch")))
torch.set_num_threads(1)
torch.manual_seed(0)
N, WRONG, CLASSES = 20_000, 1_000, 10
centres = torch.randn(CLASSES, 32)
truth = torch.randint(CLASSES, (N,))
images = centres[truth] + 0.5 * torch.randn(N, 32)
labels = truth.clone()
wrong = torch.randperm(N)[:WRONG]
labels[wrong] = (truth[wrong] + torch.randint(1, CLASSES, (WRONG,))) % CLASSES
model = nn.Linear(32, CLASSES)
step = torch.optim.Adam(model.parameters(), lr=0.05)
for _ in range(100):
    step.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    step.step()
residual = torch.softmax(model(images), 1) - nn.functional.one_hot(labels, CLASSES)
influence = (residual.square().sum(1) * (images.square().sum(1) + 1)).detach().double()  # squared gradient of its loss


def area(values, hits):  # the metric's own area, of the ranking of the influences alone
    curve = torch.cumsum(torch.isin(torch.argsort(values, descending=True, stable=True), hits).double(), 0) / len(hits)
    return float(torch.trapezoid(curve)) / len(values)


def score(values, order):
    """The metric for the training set in this order, and the area of its influences."""
    place = torch.argsort(order)
    data = TensorDataset(images[order], labels[order])
    metric = MislabelingDetectionMetric(model, data, mislabeling_indices=place[wrong].tolist(), precomputed_self_influence=values[order])
    return metric.compute()["score"], area(values[order], place[wrong])


right = torch.ones(N, dtype=torch.bool)
right[wrong] = False
as_is, first = torch.arange(N), torch.cat([wrong, right.nonzero().flatten()])
print(f"  self-influence of {N:,} images, median {influence.median():.1g}, largest {influence.max():.1g}; {WRONG} labels are wrong")
seen = {}
for name, values, order in (("wrong ones anywhere", influence, as_is), ("wrong ones first", influence, first), ("wrong ones last", influence, first.flip(0)),
                            ("wrong ones anywhere, influence * 0.001", 0.001 * influence, as_is), ("wrong ones first, influence * 0.001", 0.001 * influence, first),
                            ("wrong ones last, influence * 0.001", 0.001 * influence, first.flip(0)), ("wrong ones last, influence of all 0", 0 * influence, first.flip(0)),
                            ("wrong ones first, influence * 10^6", 1e6 * influence, first)):
    seen[name] = found, expected = score(values, order)
    print(f"  {name}: expected {expected:.3f}, seen {found:.3f}")
good = seen["wrong ones anywhere"][1]
assert good > 0.9
for place in ("anywhere", "first", "last"):
    assert abs(seen[f"wrong ones {place}"][0] - good) < 0.01  # in this unit they are far larger than what is added
small = [seen[f"wrong ones {place}, influence * 0.001"][0] for place in ("first", "anywhere", "last")]
assert small[0] < 0.1 and abs(small[1] - 0.5) < 0.1 and small[2] > 0.9, "ties are kept in order by another means now"
assert seen["wrong ones last, influence of all 0"][0] > 0.9
assert abs(seen["wrong ones first, influence * 10^6"][0] - good) < 0.01
print("behaviour as described")
PY
