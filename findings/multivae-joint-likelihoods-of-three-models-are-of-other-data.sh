#!/usr/bin/env bash
# multivae 1.0.3 (DMVAE, MMVAEPlus and MMVAE: compute_joint_nll, the number behind LikelihoodsEvaluator), pythae 0.1.2, torch 2.14.1.
# Guess: `compute_joint_nll` sums the importance sampled negative log likelihood over a batch: of linear models, whose likelihood is known, it is
#   right to a hundredth of a nat with 1,000 samples, gets better with more, and does not depend on the batch.
# Truth: DMVAE adds the prior and the posterior of each chunk of samples, and of each image, to those of all before. MMVAEPlus counts the
#   images of a batch by `popitem()`, which takes the last modality out of it. MMVAE draws all samples from one modality at random, and
#   weighs them by the mixture.
# Matters: a model of 3.4 nats an image has 213 (DMVAE, 48 images; 910 with four times the samples) or 1.0 (MMVAEPlus, of one modality of two),
#   and the batch handed over lacks a modality afterwards. For DMVAE set batch_size=1 and batch_size_k=num_samples; MVAE and CRMVAE are right.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1 \
  pydantic==2.14.4 matplotlib==3.11.2 nltk==3.10.4 torchmetrics==1.9.0 cloudpickle==3.1.3 imageio==2.38.1 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps pythae==0.1.2 multivae==1.0.3
"$dir/venv/bin/python" -W ignore - <<'PY'
import logging
import math
from importlib.metadata import version

import numpy as np
import torch
from multivae.data.datasets.base import MultimodalBaseDataset
from multivae.metrics import LikelihoodsEvaluator, LikelihoodsEvaluatorConfig
from multivae.models import CRMVAE, DMVAE, MMVAE, MVAE, CRMVAEConfig, DMVAEConfig, MMVAEConfig, MMVAEPlus, MMVAEPlusConfig, MVAEConfig
from multivae.models.nn.base_architectures import BaseMultilatentEncoder
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn.base_architectures import BaseDecoder

logging.disable(logging.CRITICAL)
print(*(f"{name} {version(name)}" for name in ("multivae", "pythae", "torch")))
torch.set_num_threads(1)
NOISE, MODALITIES = 0.5, ("a", "b")


class Encoder(BaseMultilatentEncoder):
    """The exact posteriors, given one modality, of x = shared + private + noise."""

    def __init__(self, private):
        super().__init__()
        self.latent_dim, self.style_dim, self.private = 1, 1, private

    def forward(self, x):
        around = NOISE**2 + self.private
        out = {"embedding": x / (1 + around), "log_covariance": torch.full_like(x, math.log(around / (1 + around)))}
        if self.private:
            out |= {"style_embedding": x / (2 + NOISE**2), "style_log_covariance": torch.full_like(x, math.log((1 + NOISE**2) / (2 + NOISE**2)))}
        return ModelOutput(**out)


class Decoder(BaseDecoder):
    def forward(self, z):
        return ModelOutput(reconstruction=z.sum(-1, keepdim=True))


def model_of(cls, config, private, **options):
    settings = config(n_modalities=2, latent_dim=1, input_dims={m: (1,) for m in MODALITIES}, decoder_dist_params={m: {"scale": NOISE} for m in MODALITIES}, **options)
    return cls(settings, {m: Encoder(private) for m in MODALITIES}, {m: Decoder() for m in MODALITIES})


def batch_of(x):
    return MultimodalBaseDataset({m: x[:, i: i + 1].clone() for i, m in enumerate(MODALITIES)})


def exact(x, private):
    """Nats an image by the normal distribution that the linear model is, of all columns of x."""
    covariance = torch.ones(x.shape[1], x.shape[1]) + torch.eye(x.shape[1]) * (NOISE**2 + private)
    return float(-torch.distributions.MultivariateNormal(torch.zeros(x.shape[1]), covariance).log_prob(x).mean())


def seen(model, x, samples, chunk=100, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        return float(model.compute_joint_nll(batch_of(x), K=samples, batch_size_K=chunk)) / len(x)


MODELS = {"MVAE": model_of(MVAE, MVAEConfig, 0), "CRMVAE": model_of(CRMVAE, CRMVAEConfig, 0), "MMVAE": model_of(MMVAE, MMVAEConfig, 0, prior_and_posterior_dist="normal"),
          "DMVAE": model_of(DMVAE, DMVAEConfig, 1, modalities_specific_dim=dict.fromkeys(MODALITIES, 1)),
          "MMVAEPlus": model_of(MMVAEPlus, MMVAEPlusConfig, 1, modalities_specific_dim=1, prior_and_posterior_dist="normal")}
for seed in (0, 1):
    torch.manual_seed(seed)
    np.random.seed(seed)
    shared, private, noise = torch.randn(48, 1), torch.randn(48, 2), NOISE * torch.randn(48, 2)
    for name, model in MODELS.items():
        own = int(name in ("DMVAE", "MMVAEPlus"))
        x = shared + own * private + noise
        right, found = exact(x, own), [seen(model, x, samples) for samples in (1_000, 4_000)]
        print(f"  {name}, 48 images of two modalities (data {seed}): expected {right:.2f} nats an image, seen {found[0]:.2f} with 1,000 samples and {found[1]:.2f} with 4,000")
        if name in ("MVAE", "CRMVAE"):
            assert max(abs(value - right) for value in found) < 0.02
        if name == "DMVAE":
            one = float(np.mean([seen(model, x[i: i + 1], 10_000, chunk=10_000, seed=i) for i in range(48)]))
            print(f"    image by image, 10,000 samples in one chunk: {one:.2f}")
            assert abs(one - right) < 0.05
            assert found[0] > 20 * right and found[1] > 3 * found[0], "images and chunks are counted by themselves now"
        if name == "MMVAEPlus":
            batch = batch_of(x)
            torch.manual_seed(0)
            with torch.no_grad():
                model.compute_joint_nll(batch, K=100)
            print(f"    modality a alone: {exact(x[:, :1], 1):.2f}, and {math.log(2):.2f} less for a mixture of one component divided by two; modalities left in the batch: {', '.join(batch.data)}")
            assert list(batch.data) == ["a"] and found[0] < right - 2, "a batch keeps its modalities now"
        if name == "MMVAE":
            at = int((x[:, 0] - x[:, 1]).abs().argmax())
            apart = x[at: at + 1]
            draws = [seen(model, apart, 4_000, seed=i) for i in range(12)]
            print(f"    the image whose modalities differ most, twelve times with 4,000 samples: expected {exact(apart, 0):.2f} each time, seen {min(draws):.2f} to {max(draws):.2f}")
            assert max(draws) - min(draws) > 0.1, "samples come from all modalities now"
    if seed == 0:
        x = shared + private + noise
        for size in (8, 48):
            torch.manual_seed(0)
            judge = LikelihoodsEvaluator(MODELS["DMVAE"], batch_of(x), eval_config=LikelihoodsEvaluatorConfig(batch_size=size, num_samples=1_000))
            print(f"  LikelihoodsEvaluator of DMVAE with batches of {size}: expected {exact(x, 1):.2f}, seen {float(judge.joint_nll()):.2f}")
print("behaviour as described")
PY
