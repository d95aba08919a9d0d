"""Which options each way of Fisher surgery reads: one that it would pass over is refused by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gsu_cli.errors import UsageError

READ: dict[str, tuple[str, ...]] = {
    "solver=kfac of a decoder": ("damping", "ekfac", "bound", "drift_budget", "finish", "encoder"),
    "solver=gauss_newton of a decoder": (
        "damping",
        "ekfac",
        "iterations",
        "curvature_images",
        "bound",
        "drift_budget",
        "finish",
        "encoder",
    ),
    "solver=least_squares of a decoder": ("layers", "pilot_images", "drift_budget", "encoder"),
    "solver=chosen of a decoder": (
        "damping",
        "ekfac",
        "iterations",
        "curvature_images",
        "layers",
        "pilot_images",
        "drift_budget",
    ),
    "a diffusion model": ("damping", "ekfac", "noise_from", "bank_images", "bound"),
    "a GAN": ("damping", "iterations", "curvature_images", "bank_images"),
}
DECODER = " of a decoder"  # the end of a way whose beginning can be typed
COMPARING = ("solver=kfac of a decoder", "solver=chosen of a decoder")
"""Those that try several dampings; others read one, of the usual ones the first."""


def refuse_unread(typed: Mapping[str, object], way: str, also: Collection[str] = ()) -> None:
    """Refuses options that would change nothing.

    Args:
        typed: options that some ways read, where they have not their usual value.
        way: a key of `READ`.
        also: further options that were read on the way to it.

    Raises:
        UsageError: with the first that is not read, and where it is.
    """
    for key, value in typed.items():
        if key not in READ[way] and key not in also:
            raise UsageError(
                f"`method.{key}` must be left out with {way}, which does not read it",
                found=value,
                way_out=f"Leave it out{_or_take([name for name, keys in READ.items() if key in keys], way)}",
            )
    damping = typed.get("damping")
    if isinstance(damping, list) and len(damping) > 1 and way not in COMPARING:
        raise UsageError(
            f"`method.damping` must be one number with {way}",
            found=damping,
            way_out=f"Type one of them{_or_take(COMPARING, way)}",
        )


def _or_take(readers: Collection[str], way: str) -> str:
    """What reads an option instead: on a decoder words to type, else nothing can be typed but another model."""
    if way.endswith(DECODER) and (solvers := [name for name in readers if name.endswith(DECODER)]):
        return ", or take " + " or ".join(f"method.{name.removesuffix(DECODER)}" for name in solvers)
    names = dict.fromkeys("a decoder" if name.endswith(DECODER) else name for name in readers)
    return f"; {' or '.join(names)} reads it"
