#!/usr/bin/env bash
# nhssynth 0.10.2 (VAE), torch 2.13.0, pandas 2.2.3, scikit-learn 1.6.1.
# Guess: the deviation of the decoder's normal distribution, a parameter of its own ("noiser"), is learned, and generated numbers are as
#   spread as the data.
# Truth: the optimizer is given the parameters of encoder and decoder only, with one optimizer or two. The noise keeps its deviation of 1,
#   and columns were scaled to a deviation of a quarter; its gradient adds up over all batches and is never used nor cleared.
# Matters: generated columns have about four times the deviation of the data, however long the training: ages below 0 and over 150. Give
#   the bias of model.noiser.output_logsigma_fn to the optimizer, by add_param_group.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
export OMP_NUM_THREADS=1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==1.26.4 pandas==2.2.3 scikit-learn==1.6.1 scipy==1.13.1 \
  setuptools==80.9.0 networkx==3.4.2 pyvis==0.3.2 pyyaml==6.0.2 sdmetrics==0.11.1 copulas==0.9.2 tqdm
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps nhssynth==0.10.2
"$dir/venv/bin/python" -W ignore - 2> "$dir/progress" <<'PY' || { cat "$dir/progress"; exit 1; }
import sys
import types
from importlib.metadata import version
from pathlib import Path

# The packages around the model import a dashboard and plots on every import; the model needs neither and is loaded as it is.
site = next(Path(place) / "nhssynth" for place in sys.path if (Path(place) / "nhssynth").is_dir())
for name in ("modules", "modules.model", "modules.model.models", "modules.dataloader"):
    package = types.ModuleType(f"nhssynth.{name}")
    package.__path__ = [str(site.joinpath(*name.split(".")))]
    sys.modules[f"nhssynth.{name}"] = package

import numpy as np
import pandas as pd
import torch
from nhssynth.modules.dataloader.metatransformer import MetaTransformer
from nhssynth.modules.model.models.vae import VAE

print(*(f"{name} {version(name)}" for name in ("nhssynth", "torch", "pandas", "scikit-learn")))
rng = np.random.default_rng(0)
data = pd.DataFrame({"age": 50 + 10 * rng.normal(size=300), "pressure": 120 + 15 * rng.normal(size=300)})
transformer = MetaTransformer.from_dict(data, {"columns": {name: {"dtype": "float64"} for name in data}})
transformer.apply()
scaled = transformer.transformed_dataset
for shared in (True, False):
    torch.manual_seed(0)
    model = VAE(scaled, transformer, batch_size=100, encoder_latent_dim=8, decoder_latent_dim=8, shared_optimizer=shared)
    model.train(num_epochs=5, patience=100, notebook_run=True)
    bias, made = model.noiser.output_logsigma_fn.bias, model.generate(300)
    print(f"  shared optimizer {shared}: scaled columns of deviation {scaled.iloc[:, model.single_column_indices].std().round(3).tolist()}; expected a learned noise below that, "
          f"seen deviation {bias.exp().tolist()}, its gradient {bias.grad.round().tolist()}")
    assert bias.detach().abs().max() == 0 and bias.grad.min() > 0, "the noise is learned now"
    for name in data:
        print(f"    {name}: expected a deviation near {data[name].std():.1f}, seen {made[name].std():.1f}, from {made[name].min():.0f} to {made[name].max():.0f}")
        assert made[name].std() > 2.5 * data[name].std()
print("behaviour as described")
PY
