#!/usr/bin/env bash
# torchmetrics 1.9.0 (BinaryAUROC, BinaryROC; exact and with thresholds), torch 2.13.0.
# Guess: the area under a ROC curve looks at the order of the scores only: no monotone change of them, and no cut into batches,
#   can move it.
# Truth: scores are taken for logits and passed through a sigmoid in float32 whenever a batch holds one outside [0, 1], and left
#   alone when it holds none; each batch of `update` is asked by itself. Losses of 20 nats and more all become exactly 1. Of
#   scores around [0, 1] some batches are squeezed and others not, and are then compared with each other.
# Matters: a perfect membership attack by the loss scores 0.5, "no better than chance", and 0 with thresholds; of scores about
#   as long as 1 the area depends on the batch size. Rank the scores first, or scale all of them into [0, 1] together.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 torchmetrics==1.9.0 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import torch
import torchmetrics
from torchmetrics.classification import BinaryAUROC

print("torchmetrics", torchmetrics.__version__, "torch", torch.__version__)
rng = torch.Generator().manual_seed(0)


def true(score, label):
    """Share of pairs in the right order, ties counted half."""
    a, b = score[label == 1].double()[:, None], score[label == 0].double()[None]
    return float((a > b).double().mean() + 0.5 * (a == b).double().mean())


def library(score, label, batch, **options):
    metric = BinaryAUROC(**options)
    for s, y in zip(score.split(batch), label.split(batch)):
        metric.update(s, y)
    return float(metric.compute())


# 1. membership by the loss: training images at 60 nats, others at 75, the higher the likelier unseen
loss = torch.cat([60 + 3 * torch.randn(500, generator=rng), 75 + 3 * torch.randn(500, generator=rng)])
unseen = torch.cat([torch.zeros(500), torch.ones(500)]).long()
exact, binned = library(loss, unseen, 1000), library(loss, unseen, 1000, thresholds=1000)
order = loss.argsort().argsort() / 999
print(f"  losses in nats: expected {true(loss, unseen):.4f}, seen {exact:.4f}, with 1,000 thresholds {binned:.4f}")
print(f"  their ranks in [0, 1]: {library(order, unseen, 1000):.4f}")
assert true(loss, unseen) > 0.999 and exact == 0.5 and binned < 0.51, "losses are ranked now"
assert abs(library(order, unseen, 1000) - true(loss, unseen)) < 1e-6

# 2. scores mostly within [0, 1], in batches
score = torch.cat([0.35 + 0.15 * torch.randn(500, generator=rng), 0.65 + 0.15 * torch.randn(500, generator=rng)])
mix = torch.randperm(1000, generator=rng)
score, label = score[mix], unseen[mix]
outside = float(((score < 0) | (score > 1)).double().mean())
goal, seen = true(score, label), {batch: library(score, label, batch) for batch in (1000, 100, 20, 5, 1)}
print(f"  scores of which {outside:.1%} lie outside [0, 1]: expected {goal:.4f} at any batch size")
for batch, value in seen.items():
    print(f"    batches of {batch}: seen {value:.4f}")
assert abs(seen[1000] - goal) < 1e-6 and min(seen.values()) < goal - 0.02, "batches are judged alike now"
print("behaviour as described")
PY
