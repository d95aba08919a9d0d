#!/usr/bin/env bash
# autoencoders 0.6.8 (GumbelQuantizedAutoencoderModel), torch 2.13.0, numpy 2.4.6.
# Guess: the soft choice of a code (Gumbel-softmax, Jang et al. 2017) is there so that the gradient of the reconstruction reaches codebook
#   and encoder through the weights of the choice; the codebook then comes to the data as that of a VQ-VAE does.
# Truth: the forward pass is inherited from the VQ-VAE, which puts input + (code - input).detach() in its place, and the loss of the codebook
#   is a zero of its own: nothing with a gradient depends on the codebook. weight.grad is None after backward(), straight-through or not.
# Matters: after any training the codes are the random numbers of the first moment, within 1 / codebook_size of zero, and the decoder sees
#   next to nothing: of eight kinds of input it explains half of the variance where the VQ-VAE explains all. Decode quantized_latents yourself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 pyyaml==6.0.4
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps autoencoders==0.6.8
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import torch
from autoencoders import GumbelQuantizedAutoencoderConfig, GumbelQuantizedAutoencoderModel, VectorQuantizedAutoencoderConfig, VectorQuantizedAutoencoderModel
from autoencoders.data.base import TensorSpec

print(*(f"{name} {version(name)}" for name in ("autoencoders", "torch", "numpy")))
torch.set_num_threads(1)
torch.manual_seed(0)
kinds = torch.randn(8, 16)


def batch():
    """Four vectors of 16 numbers an example, each of one of eight kinds."""
    return kinds[torch.randint(8, (64, 4))] + 0.05 * torch.randn(64, 4, 16)


def trained(config, model, **options):
    """Gradient at the codebook, how far it went in 200 steps, and the share of variance that reconstructions explain."""
    torch.manual_seed(1)
    model = model(config=config(latent_dim=8, codebook_size=32, **options), sample_spec=TensorSpec(shape=(4, 16)), encoder="mlp",
                  encoder_config={"hidden_dims": [32]})
    before = model.codebook.weight.detach().clone()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        model(batch(), return_dict=True, is_last_train_step=False).loss.backward()
        optimizer.step()
    x = batch()
    left = float((model.eval()(x, return_dict=True).reconstruction - x).square().mean() / (x - x.mean((0, 1))).square().mean())
    return model.codebook.weight.grad, float((model.codebook.weight.detach() - before).abs().max()), 1 - left


for name, case in (("VQ-VAE", (VectorQuantizedAutoencoderConfig, VectorQuantizedAutoencoderModel)),
                   ("Gumbel", (GumbelQuantizedAutoencoderConfig, GumbelQuantizedAutoencoderModel)),
                   ("Gumbel, soft", (GumbelQuantizedAutoencoderConfig, GumbelQuantizedAutoencoderModel, False))):
    gradient, moved, explained = trained(*case[:2], **({"straight_through": False} if len(case) == 3 else {}))
    print(f"  {name}: expected a gradient at the codebook, seen {'none' if gradient is None else f'{float(gradient.norm()):.3g}'}; "
          f"the codebook moved by {moved:.3g}, reconstructions explain {explained:.2f} of the variance")
    if name == "VQ-VAE":
        assert gradient is not None and moved > 0.1 and explained > 0.9
        best = explained
    else:
        assert gradient is None and moved == 0.0, "the codebook is trained now"
        assert explained < best - 0.1
print("behaviour as described")
PY
