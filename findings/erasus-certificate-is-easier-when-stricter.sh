#!/usr/bin/env bash
# erasus 0.2.0, CertifiedRemovalVerifier: "certified (epsilon, delta)-removal" from the distance to a retrained model.
# Guess: a smaller epsilon is a stronger promise, so fewer pairs of models earn it.
# Truth: the distance that is allowed grows as 1 / epsilon. A pair that fails at epsilon = 10 is certified at 0.01, and for
#   any model there is an epsilon small enough. With the default constants (strong convexity 0.01) one that
#   unlearned nothing passes at epsilon = 1. In the cited work the noise is what grows as epsilon shrinks; here none is added.
# Matters: the stricter the certificate in a report, the less it says.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 pyyaml==6.0.4
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps erasus==0.2.0  # its other requirements are not used here
"$dir/venv/bin/python" -W ignore - <<'PY'
import copy
from importlib.metadata import version
import torch
from erasus.certification.certified_removal import CertifiedRemovalVerifier

torch.manual_seed(0)
x, w = torch.randn(1000, 20), torch.randn(20, 1)
y = x @ w + torch.cat([torch.full((100, 1), 5.0), torch.zeros(900, 1)])  # the first 100 records pull the bias


def train(rows):
    torch.manual_seed(1)
    net = torch.nn.Linear(20, 1)
    lbfgs = torch.optim.LBFGS(net.parameters(), max_iter=200)

    def closure():
        lbfgs.zero_grad()
        loss = ((net(x[rows]) - y[rows]) ** 2).mean()
        loss.backward()
        return loss

    lbfgs.step(closure)
    return net


original, retrained = train(slice(0, 1000)), train(slice(100, 1000))
unlearned = copy.deepcopy(original)  # nothing is unlearned
print("erasus", version("erasus"))
default = CertifiedRemovalVerifier().verify(unlearned, retrained, 1000, 100)
print(f"defaults, epsilon 1: allowed distance {default['removal_bound']:.1f}, distance {default['actual_distance']:.3f},"
      f" certified {default['certified']}, though nothing was unlearned")
verdicts = []
for epsilon in (1000, 100, 10, 1, 0.1):
    r = CertifiedRemovalVerifier(epsilon=epsilon, strong_convexity=2.0).verify(unlearned, retrained, 1000, 100)
    verdicts.append(r["certified"])
    print(f"  epsilon {epsilon}: allowed distance {r['removal_bound']:.4f}, certified {r['certified']}")
print("expected: once refused, refused for every smaller epsilon")
assert default["certified"] and not verdicts[0] and verdicts[-1]
assert verdicts == sorted(verdicts), "the verdict does not get easier with smaller epsilon any more"
print("behaviour as described")
PY
