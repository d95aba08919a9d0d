"""Classes that have moved: what older checkpoints, records and configs call them, and where they are now."""

from __future__ import annotations

MOVED: dict[str, str] = {
    "gsu_cli.metrics.identity.Identity": "gsu_cli.metrics.retained_shift.RetainedShift",
    "gsu_cli.metrics.neg_elbo.NegElbo": "gsu_cli.metrics.heldout_loss.HeldoutLoss",
    "gsu_cli.metrics.neg_elbo_drawn.NegElboDrawn": "gsu_cli.metrics.sample_nll.SampleNll",
    "gsu_cli.models.mlp_vae.MlpVae": "gsu_cli.models.vae.mlp_vae.MlpVae",
    "gsu_cli.models.conv_vae.ConvVae": "gsu_cli.models.vae.conv_vae.ConvVae",
    "gsu_cli.models.pythae_vae.PythaeVae": "gsu_cli.models.vae.pythae_vae.PythaeVae",
    "gsu_cli.models.autoencoder_kl.AutoencoderKl": "gsu_cli.models.vae.autoencoder_kl.AutoencoderKl",
    "gsu_cli.models.judge_cnn.JudgeCnn": "gsu_cli.models.classifiers.judge_cnn.JudgeCnn",
    "gsu_cli.models.attribute_cnn.AttributeCnn": "gsu_cli.models.classifiers.attribute_cnn.AttributeCnn",
    "gsu_cli.training.Recipe": "gsu_cli.training.recipe.Recipe",
}
"""Class path of an earlier version -> today's."""


def current(target: str) -> str:
    """Today's path of the class that ``target`` names; ``target`` itself where it has not moved.

    >>> current("gsu_cli.training.Recipe"), current("my_vae.MyVae")
    ('gsu_cli.training.recipe.Recipe', 'my_vae.MyVae')
    """
    return MOVED.get(target, target)
