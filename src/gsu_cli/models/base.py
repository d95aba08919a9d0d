"""What a model is written with, in one import; `models.model` has the contract, `models.protocols` the capabilities."""

from gsu_cli.models.likelihoods import Bernoulli, Gaussian
from gsu_cli.models.model import Model
from gsu_cli.models.vae.base import Vae

__all__ = ["Bernoulli", "Gaussian", "Model", "Vae"]
