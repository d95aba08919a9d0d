#!/usr/bin/env bash
# pythae 0.1.2, get_nll of VAE, RHVAE and HVAE with reconstruction_loss="mse" (the default), torch 2.13.0.
# Guess: get_nll estimates the same quantity for all models; of equal models it says the same.
# Truth: RHVAE tempers the momentum by beta_zero and forgets the volume that this costs: its likelihood is too high by
#   latent_dim * ln(1 / beta_zero), 1.2 nats for each latent dimension by default, with any number of samples. HVAE leaves out
#   the constant of the normal distribution that VAE and RHVAE count: too high by 0.92 nats for each pixel. (And all three give
#   the log-likelihood under this name: more is better.)
# Matters: three models that share a decoder, with its exact posterior as encoder, are ranked HVAE, RHVAE, VAE by up to 720 nats
#   an image. Compare such numbers within one model and one beta_zero only, or subtract what is written above.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
  pydantic==2.14.4 cloudpickle==3.1.3 imageio==2.38.1 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps pythae==0.1.2
"$dir/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
import math
from importlib.metadata import version

import torch
from pythae.models import HVAE, RHVAE, VAE, HVAEConfig, RHVAEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder

print("pythae", version("pythae"), "torch", torch.__version__)
PIXELS, LATENT = 28 * 28, 4
torch.manual_seed(0)
W = (torch.linalg.qr(torch.randn(PIXELS, LATENT))[0] * torch.tensor([2.0, 1.2, 1.0, 0.7])).requires_grad_()  # they differentiate
posterior = 1 / (1 + W.detach().square().sum(0))


class Encoder(BaseEncoder):  # the exact posterior of a linear decoder: every weight is p(x), a single sample is enough
    def forward(self, x):
        mean = x.flatten(1) @ W * posterior
        return ModelOutput(embedding=mean, log_covariance=posterior.log().expand_as(mean))


class Decoder(BaseDecoder):
    def forward(self, z):
        return ModelOutput(reconstruction=(z @ W.T).reshape(-1, 1, 28, 28))


exact = torch.distributions.LowRankMultivariateNormal(torch.zeros(PIXELS), W.detach(), torch.ones(PIXELS))
images = exact.sample((20,))
evidence = float(exact.log_prob(images).mean())


def off(kind, config, samples=20, **options):
    model = kind(config(input_dim=(1, 28, 28), latent_dim=LATENT, **options), encoder=Encoder(), decoder=Decoder()).eval()
    with contextlib.redirect_stdout(io.StringIO()):
        seen = model.get_nll(images.reshape(-1, 1, 28, 28), n_samples=samples, batch_size=samples)
    name = f"{kind.__name__}, beta_zero {options['beta_zero']}" if options else kind.__name__
    print(f"  {name}, {samples} samples: expected log p(x) = {evidence:.2f}, seen {seen:.2f}, off by {seen - evidence:.3f}")
    return seen - evidence


plain = off(VAE, VAEConfig)
riemannian = {beta: off(RHVAE, RHVAEConfig, beta_zero=beta) for beta in (1.0, 0.3, 0.1)}
more = off(RHVAE, RHVAEConfig, samples=200)
hamiltonian = off(HVAE, HVAEConfig, beta_zero=1.0)
print(f"  latent_dim * ln(1 / beta_zero) is {LATENT * math.log(1 / 0.3):.3f} for 0.3, {LATENT * math.log(10):.3f} for 0.1; "
      f"pixels / 2 * ln(2 pi) is {PIXELS / 2 * math.log(2 * math.pi):.3f}")
assert abs(plain) < 0.01
for beta, error in (*riemannian.items(), (0.3, more)):
    assert abs(error - LATENT * math.log(1 / beta)) < 0.01, "RHVAE counts the tempering now"
assert abs(hamiltonian - PIXELS / 2 * math.log(2 * math.pi)) < 0.1, "HVAE counts the constant now"
print("behaviour as described")
PY
