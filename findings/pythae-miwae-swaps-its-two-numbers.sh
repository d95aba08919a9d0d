#!/usr/bin/env bash
# pythae 0.1.2, MIWAE and PIWAE (importance-weighted autoencoders, Rainforth et al. 2018) and the loss that IWAE reports, torch 2.13.0.
# Guess: with one gradient estimate of 50 samples MIWAE is IWAE with 50 samples; the loss is the negative of a lower bound of
#   log p(x), as the papers have it, so no model can look better than it is.
# Truth: the log weights are (images, estimates, samples), and they are normalised over the estimates. The two numbers change
#   places: 1 estimate of 50 samples is the plain ELBO, 50 estimates of 1 sample are what was asked for. The loss of IWAE and the
#   others is sum w log w, right for the gradient only: it lies above the bound, and above log p(x) itself.
# Matters: more samples do not tighten the bound, they average it. And the loss by which the best checkpoint is kept, and models
#   are compared, says more than the truth where the encoder is poor. Swap the numbers; judge by get_nll of VAE or IWAE.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
  pydantic==2.14.4 cloudpickle==3.1.3 imageio==2.38.1 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps pythae==0.1.2
"$dir/venv/bin/python" -W ignore - <<'PY'
import math
from importlib.metadata import version

import torch
from pythae.models import CIWAE, IWAE, MIWAE, PIWAE, VAE, CIWAEConfig, IWAEConfig, MIWAEConfig, PIWAEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder

print("pythae", version("pythae"), "torch", torch.__version__)
PIXELS, LATENT, NARROW = 6, 2, 0.3  # the encoder's variance is 0.3 of the posterior's
torch.manual_seed(0)
W = torch.linalg.qr(torch.randn(PIXELS, LATENT))[0] * torch.tensor([2.0, 1.2])
posterior = 1 / (1 + W.square().sum(0))
CONSTANT = PIXELS / 2 * math.log(2 * math.pi)


class Encoder(BaseEncoder):  # a linear decoder has a normal posterior: its mean, and a variance that is too small
    def forward(self, x):
        mean = x.flatten(1) @ W * posterior
        return ModelOutput(embedding=mean, log_covariance=(posterior * NARROW).log().expand_as(mean))


class Decoder(BaseDecoder):
    def forward(self, z):
        return ModelOutput(reconstruction=(z @ W.T).unsqueeze(-2))


exact = torch.distributions.MultivariateNormal(torch.zeros(PIXELS), W @ W.T + torch.eye(PIXELS))
images = exact.sample((2000,))
evidence = float(exact.log_prob(images).mean())
elbo = evidence - LATENT / 2 * (NARROW - 1 - math.log(NARROW))


def bound(samples):
    """The bound of IWAE by its definition, log of the mean weight, from weights of our own."""
    mean, deviation = images @ W * posterior, (posterior * NARROW).sqrt()
    z = mean[:, None] + deviation * torch.randn(len(images), samples, LATENT)
    normal = torch.distributions.Normal
    weight = normal(z @ W.T, 1).log_prob(images[:, None]).sum(-1) + normal(0, 1).log_prob(z).sum(-1)
    weight -= normal(mean[:, None], deviation).log_prob(z).sum(-1)
    return float((weight.logsumexp(1) - math.log(samples)).mean())


def said(kind, config, part="loss", **numbers):
    model = kind(config(input_dim=(1, PIXELS), latent_dim=LATENT, reconstruction_loss="mse", **numbers), Encoder(), Decoder())
    with torch.no_grad():
        losses = [float(model({"data": images.unsqueeze(1)})[part]) for _ in range(10)]
    return -sum(losses) / len(losses) - CONSTANT


def show(name, expected, seen):
    print(f"  {name}: expected {expected:.3f}, seen {seen:.3f}")
    return expected, seen


print(f"log p(x) {evidence:.3f} nats an image")
show("VAE, the ELBO", elbo, said(VAE, VAEConfig))
swapped, straight = (show(f"MIWAE, {m} estimates of {n} samples", bound(n), said(
    MIWAE, MIWAEConfig, number_gradient_estimates=m, number_samples=n)) for m, n in ((1, 50), (50, 1)))
encoder = show("PIWAE's encoder, 1 estimate of 50 samples", bound(50), said(
    PIWAE, PIWAEConfig, "encoder_loss", number_gradient_estimates=1, number_samples=50))
iwae = show("IWAE, 50 samples", bound(50), said(IWAE, IWAEConfig, number_samples=50))
plain = show("control: CIWAE with beta=1, the ELBO", elbo, said(CIWAE, CIWAEConfig, beta=1.0, number_samples=50))
assert abs(swapped[1] - elbo) < 0.03 < 0.3 < swapped[0] - elbo, "1 estimate of 50 samples is a tighter bound now"
assert abs(encoder[1] - elbo) < 0.03 and straight[1] > straight[0] + 0.3, "50 estimates of 1 sample are the ELBO now"
assert iwae[1] > evidence + 0.2 > iwae[0], "the loss is a bound now"
assert abs(plain[0] - plain[1]) < 0.03
print("behaviour as described")
PY
