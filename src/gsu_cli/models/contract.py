"""Whether a class keeps what a generator promises: every member is tried on two images, before any work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import code, conditions_of, posterior
from gsu_cli.models.model import check_precision, decode
from gsu_cli.models.protocols import Decodes, Encodes, HasDecoder, HasLoss, Trainable
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.one_line import named
from gsu_cli.run.own_names import is_ours
from gsu_cli.surgery.taps import without_running_statistics

N = 2
FAR = 32.0  # no untrained model of pixels in [0, 1] gets there, but any of 0 to 255
PAGE = "See `gsu show docs/own-model.md` for an example"


def check_generator(model: Any, shape: Sequence[int]) -> None:
    """Tries what learns, ``sample``, ``generation_parameters`` and, where there is one, ``posterior`` with its fellows.

    Args:
        model: left in the mode and with the random state of before.
        shape: ``(c, h, w)`` of the images.

    Raises:
        UsageError: a member fails, or gives something else than the contract says; names it.
    """
    check_precision(model)
    training = model.training
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model.eval()
        try:
            _try_all(model, (N, *shape))
        finally:
            model.train(training)


def _try_all(model: Any, size: tuple[int, ...]) -> None:
    kind, g = type(model).__name__, torch.Generator().manual_seed(0)
    x = torch.rand(size, generator=g)
    y = torch.zeros(N, dtype=torch.int64)
    state = {k: v.clone() for k, v in model.state_dict().items() if not is_lazy(v)}
    if isinstance(model, HasLoss):
        _leaves(kind, "loss(x, y, generator)", "images", x, lambda x: _is_loss(kind, model, x, y, g))
    pixels = _is(kind, "sample(n, generator)", size, lambda: model.sample(N, g))
    if not is_ours(model) and (not pixels.is_floating_point() or bool((pixels.abs() > FAR).any())):
        raise UsageError(
            f"sample(n, generator) of {kind} must give floats in [0, 1]",
            found=f"{str(pixels.dtype).removeprefix('torch.')} up to {pixels.abs().max().item():.4g}",
            way_out=PAGE,
        )
    if isinstance(model, HasLoss):
        _learns(kind, model, "loss(x, y, generator)", lambda g: model.loss(x, y, g))
        _draws(kind, "loss(x, y, generator)", lambda g: model.loss(x, y, g))
        _alone(kind, model, x, y)
    elif isinstance(model, Trainable):
        _learns(kind, model, "losses(x, y, generator)", lambda g: sum(model.losses(x, y, g)))
        with torch.enable_grad():
            _draws(kind, "losses(x, y, generator)", lambda g: torch.stack(model.losses(x, y, g)).detach())
    _draws(kind, "sample(n, generator)", lambda g: model.sample(N, g))
    noise = g.get_state()
    model.sample(N, g)
    if torch.equal(noise, g.get_state()):
        raise UsageError(
            f"sample(n, generator) of {kind} must take its noise from the generator",
            found="that it takes none, so every call gives the same samples",
            way_out="Use torch.randn(size, generator=generator)",
        )
    names = _tried(kind, "generation_parameters()", model.generation_parameters)
    own = dict(model.named_parameters())
    if not isinstance(names, Sequence) or isinstance(names, str) or not names or not set(names) <= own.keys():
        strange = [n for n in names if n not in own] if isinstance(names, Sequence) and names else names
        raise UsageError(
            f"generation_parameters() of {kind} must name parameters of the model, at least one",
            found=_strange(strange),
            way_out=f"Give a list of names, as named_parameters() has them; {PAGE}",
        )
    if conditions_of(model):
        told = "noise(n, generator) and generate(noise, condition)"
        _is(kind, told, size, lambda: model.generate(model.noise(N, g), y))
    if isinstance(model, Encodes):
        _check_latents(kind, model, x, y)
    _stays(kind, state, model)


def _is_loss(kind: str, model: Any, x: Tensor, y: Tensor, g: torch.Generator) -> Tensor:
    return _is(kind, "loss(x, y, generator)", (N,), lambda: model.loss(x, y, g))


def _leaves(kind: str, member: str, what: str, given: Tensor, call: Callable[[Tensor], Any]) -> Any:
    """Whoever is given a tensor shares it with others: what is written into it they would see."""
    own = given.clone()
    found = call(own)
    if not torch.equal(own, given):
        raise UsageError(
            f"{member} of {kind} must leave the {what} that it is given as they are",
            found="others afterwards",
            way_out="Use 2 * x - 1 in place of x.mul_(2).sub_(1)",
        )
    return found


def _alone(kind: str, model: Any, x: Tensor, y: Tensor) -> None:
    """Percentiles, attacks and budgets read the loss of an image as its own."""
    g, other = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    beside_another = torch.cat([x[:1], 1 - x[1:]])
    first, second = model.loss(x, y, g)[0], model.loss(beside_another, y, other)[0]
    rule = f"loss(x, y, generator) of {kind} must give each image a loss of its own"
    if norm := next(without_running_statistics(model), None):
        raise UsageError(
            rule,
            found=f"{norm}, a BatchNorm without running statistics, which mixes images in eval mode, too",
            way_out="Leave track_running_stats at True",
        )
    # where the images decide how much noise is taken, that of the first is another, too
    if not torch.equal(g.get_state(), other.get_state()) or torch.allclose(first, second, 1e-5, 1e-5, equal_nan=True):
        return
    raise UsageError(
        rule,
        found=f"{first.item():.6g}, and {second.item():.6g} beside another image",
        way_out="Take the sum over the pixels of each image; a term of the whole batch goes under `if self.training`",
    )


def _stays(kind: str, state: Mapping[str, Tensor], model: Any) -> None:
    """To measure a model must not change it."""
    for name, now in model.state_dict().items():
        before = state.get(name, now)
        if before.shape != now.shape or not torch.equal(before.nan_to_num(), now.nan_to_num()):
            raise UsageError(
                f"weights and buffers of {kind} must stay as they are in eval mode",
                found=f"{name}, which its members change",
                way_out="Let them change it under `if self.training` alone",
            )


def _strange(found: Any) -> str:
    """Of names the first that is none; of what is no list its kind, whose text holds an address."""
    if isinstance(found, list) and found:
        return str(found[0]) if isinstance(found[0], str) else f"a {type(found[0]).__name__}"
    return repr(found) if isinstance(found, Sequence) else f"a {type(found).__name__}"


def _check_latents(kind: str, model: Any, x: Tensor, y: Tensor) -> None:
    size, conditional = tuple(x.shape), bool(conditions_of(model))
    member = "posterior(x, condition)" if conditional else "posterior(x)"
    found = _leaves(kind, member, "images", x, lambda x: _tried(kind, member, lambda: posterior(model, x, y)))
    shapes = [tuple(t.shape) if isinstance(t, Tensor) else type(t).__name__ for t in found] if _pair(found) else found
    if not _pair(found) or shapes[0] != shapes[1] or not isinstance(shapes[0], tuple) or len(shapes[0]) != 2:
        raise UsageError(
            f"{member} of {kind} must give mean and standard deviation, each (n, z)",
            found=f"{shapes} for n = {N}" if _pair(found) else f"a {type(found).__name__}",
            way_out="Maps of latents are flattened in posterior() and unflattened in decoder; " + PAGE,
        )
    z = found[0]
    if int(getattr(model, "latent_dim", z.shape[1])) != z.shape[1]:
        raise UsageError(
            f"latent_dim of {kind} must be the width of its latents", found=f"{model.latent_dim} for {z.shape[1]}"
        )
    redirects = isinstance(model, HasDecoder)
    if not redirects:
        if not isinstance(model, Decodes):
            raise UsageError(
                f"{kind} has posterior(), so it needs decode(z), or a decoder module and a likelihood",
                found="neither",
                way_out=PAGE,
            )
    elif not any(m is model.decoder for m in model.modules()) or not isinstance(model.decoder, nn.Module):
        raise UsageError(
            f"decoder of {kind} must be a torch module that belongs to it", found=type(model.decoder).__name__
        )
    else:
        codes = code(model, z, y)
        told = "decoder([z, s(c)])" if conditional else "decoder(z)"
        output = _leaves(kind, told, "latents", codes, lambda z: _is(kind, told, size, lambda: model.decoder(z)))
        _is(kind, "likelihood.nll(output, x)", (N,), lambda: model.likelihood.nll(output, x))
        _is(kind, "likelihood.mean(output)", size, lambda: model.likelihood.mean(output))
    codes = code(model, z, y)
    _leaves(kind, "decode(z)", "latents", codes, lambda z: _is(kind, "decode(z)", size, lambda: decode(model, z)))


def _draws(kind: str, member: str, call: Callable[[torch.Generator], Tensor]) -> None:
    """Noise of torch's own generator would compare the models before and after at different latents."""
    first, second = (call(torch.Generator().manual_seed(0)) for _ in range(2))
    if not torch.allclose(first, second, equal_nan=True):
        raise UsageError(
            f"{member} of {kind} must take all its noise from the generator",
            found="two results with one seed",
            way_out="Use torch.randn(mean.shape, generator=generator), not torch.randn_like(mean)",
        )


def _learns(kind: str, model: Any, member: str, call: Callable[[torch.Generator], Any]) -> None:
    """What was detached or computed without gradients can be measured, and teaches nothing."""
    if not any(p.requires_grad for p in model.parameters()):
        return  # frozen as a whole: whoever trains it thaws it
    with torch.enable_grad():
        found = _tried(kind, member, lambda: call(torch.Generator().manual_seed(0)))
    if isinstance(found, Tensor) and not found.requires_grad:
        raise UsageError(
            f"{member} of {kind} must have a gradient in the model's parameters",
            found="none",
            way_out="Leave out detach(), torch.no_grad(), torch.inference_mode() and .item()",
        )


def _pair(found: object) -> bool:
    return isinstance(found, tuple | list) and len(found) == 2


def _is(kind: str, member: str, size: tuple[int, ...], call: Callable[[], Any]) -> Tensor:
    found = _tried(kind, member, call)
    if not isinstance(found, Tensor) or tuple(found.shape) != size:
        is_ = tuple(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise UsageError(f"{member} of {kind} must give {size} for n = {N}", found=is_, way_out=PAGE)
    return found


def _tried(kind: str, member: str, call: Callable[[], Any]) -> Any:
    with foreign_errors(lambda e: UsageError(f"{member} of {kind} must work", found=named(e), way_out=PAGE)):
        return call()
