#!/usr/bin/env bash
# couplnorm 0.1.0 (CouplingMetric(mode="running")), torch 2.13.0.
# Guess: the streaming form of the README (momentum=0.02) says what coupling_from_samples says of the same fields, with some noise.
# Truth: the running mean and the running second moment start at zero and are never divided by the weight w that they have collected.
#   Their difference is w times the covariance plus w (1 - w) times the outer product of the means: a coupling of every mode with every
#   other one, of energies that are positive, whatever the data.
# Matters: independent modes, whose coupling is 0.01, have 0.88 after the first chunk, 0.69 after 50 and 0.38 after 100 chunks of 10,000
#   fields (256 sites: 0.98, 0.95, 0.79). A generator whose modes do not couple at all is taken for a strongly coupled one.
#   Divide both buffers by 1 - (1 - momentum) ** num_batches_tracked first, or pool the samples.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps couplnorm==0.1.0
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from couplnorm import CouplingMetric, coupling_from_samples

print("couplnorm", version("couplnorm"), "torch", torch.__version__)
torch.set_num_threads(1)


def coupling(covariance):
    return float(torch.linalg.matrix_norm(covariance - covariance.diag().diag()) / torch.linalg.matrix_norm(covariance))


for sites in (32, 256):
    generator = torch.Generator().manual_seed(0)
    metric = CouplingMetric(mode="running", momentum=0.02, n_modes=sites // 2 + 1)  # as in the README
    pooled = torch.empty(0, sites)
    for count in range(1, 101):
        chunk = torch.randn(10_000, sites, generator=generator)  # white noise: its modes are independent
        if count <= 10:
            pooled = torch.cat([pooled, chunk])
        metric(chunk)
        if count not in (1, 10, 50, 100):
            continue
        seen, weight = float(metric.compute()), 1 - 0.98**count
        mean, second = metric.running_mean / weight, metric.running_second / weight
        mended = coupling(second - torch.outer(mean, mean))
        print(f"  {sites} sites, {count} chunks: expected {float(coupling_from_samples(pooled)):.3f} (all samples at once), seen {seen:.3f}; buffers divided by their weight {mended:.3f}")
        assert seen > 0.3, "the running moments no longer start from zero"
        assert mended < 0.12
print("behaviour as described")
PY
