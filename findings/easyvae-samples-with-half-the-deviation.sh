#!/usr/bin/env bash
# easyvae 1.3.3 (VariationalAutoencoder), numpy 2.4.6.
# Guess: a code is drawn as mean + deviation * noise with the deviation whose Kullback-Leibler divergence is reported (Kingma and Welling
#   2014), and a step of training goes down the gradient of reconstruction + divergence.
# Truth: it is mean + 0.5 * deviation * noise, a quarter of the variance. The gradient at the log variance is that of neither: the part of
#   the reconstruction is four times too large, that of the divergence is multiplied by the deviation.
# Matters: codes whose divergence from the prior is 0 have a deviation of 0.5, so the decoder never sees most of the prior from which images
#   are then drawn, and the smaller a deviation the weaker is what keeps it from vanishing. Double the noise, or take another library.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile numpy==2.4.6 tqdm==4.70.1 matplotlib==3.11.2
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps easyvae==1.3.3
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from easyvae.activations import ReLU
from easyvae.autoencoder import VariationalAutoencoder

print(*(f"{name} {version(name)}" for name in ("easyvae", "numpy")))
np.random.seed(0)
SIZE, CODE = 6, 2


def model(logvar):
    """A model whose posterior has mean 0 and this log variance for every image."""
    vae = VariationalAutoencoder(encoder_layers=[SIZE, CODE], decoder_layers=[CODE, SIZE], lr=0.0, activation_func=ReLU())
    for layer, bias in ((vae.sampler.mean_nn, 0.0), (vae.sampler.std_nn, logvar)):
        layer.W[:] = 0.0
        layer.B[:] = bias
    return vae


x = np.random.normal(size=SIZE)
for logvar in (0.0, -2.0, -4.0):
    vae, wanted = model(logvar), np.exp(0.5 * logvar)
    codes = np.array([vae.encode(x) for _ in range(20_000)])
    print(f"  log variance {logvar} (divergence from the prior {vae.sampler.DKL():.3f} a number): expected codes of deviation {wanted:.3f}, seen {codes.std():.3f}")
    assert abs(codes.std() / wanted - 0.5) < 0.01, "codes have the deviation of the posterior now"
    _, code = vae.forward(x)
    assert np.allclose(code, 0.5 * vae.sampler.eps * wanted)
    error = vae.decoder.back(vae.decoder.forward(code) - x)  # what goes back to the code: the derivative of half the squared error
    vae.sampler.back(error)
    seen, eps = vae.sampler.std_nn.error, vae.sampler.eps
    right = error * 0.25 * eps * wanted + 0.5 * (np.exp(logvar) - 1)  # of mean + 0.5 * exp(0.5 * logvar) * eps, and of the divergence
    print(f"    gradient at the log variance: expected {np.round(right, 4)}, seen {np.round(seen, 4)}; of the divergence alone {0.5 * (np.exp(logvar) - 1):.3f} "
          f"and {wanted * 0.5 * (np.exp(logvar) - 1):.3f}")
    assert np.allclose(seen, error * eps * wanted + wanted * 0.5 * (np.exp(logvar) - 1)) and not np.allclose(seen, right, rtol=0.1)
print("behaviour as described")
PY
