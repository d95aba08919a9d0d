"""One method on a copy of one model: what it needs is asked first, what it did is measured after."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import NonFiniteError, NotApplicableError
from gsu_cli.gradients import mean_loss
from gsu_cli.models.frozen import thaw, trainable
from gsu_cli.models.model import bare, check_precision, copied
from gsu_cli.models.protocols import NATS, HasLoss, lacking, loss_unit
from gsu_cli.surgery.compiled_parts import has_compiled_parts, uncompiled
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.torch_defaults import check_defaults
from gsu_cli.surgery.vectors import norm
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.contract import Method, Stage, Task, Update
from gsu_cli.unlearning.contract_check import capabilities, check_frozen, check_parameters, check_update
from gsu_cli.unlearning.diagnostics import diagnose, enough
from gsu_cli.unlearning.images import draw_images

PARTS: tuple[Literal["forget"], Literal["retain"]] = ("forget", "retain")
FEW = 64  # images that tell whether a model has losses at all
OTHER = "Take another checkpoint, or train it again at a lower training.lr"
LOWER = "Lower the step (method.lr or method.budget); the original checkpoint is untouched"


def unlearn(
    model: Any,
    split: Split,
    method: Method,
    *,
    generator: torch.Generator,
    recipe: Recipe | None = None,
    stage: Stage | None = None,
    on_progress: Callable[[int, int, float | None], None] | None = None,
    on_trial: Callable[[str], None] | None = None,
    diagnostics: bool = True,
    trained_on: int | None = None,
) -> tuple[Any, Update]:
    """Runs ``method`` on a copy of ``model``.

    Args:
        model: the original; untouched. The work is done on its device, and without what `torch.compile` or DataParallel
            put around it.
        split: forget, retain, held-out.
        method: any callable of the contract.
        generator: all of the method's randomness comes from one draw of it.
        recipe: how the original was trained.
        stage: times parts of the work: "unlearn" is the method and all that it needs, "diagnostics" comes after it;
            nothing is timed when None.
        on_progress: hears of long loops.
        on_trial: hears of each run of a search, one line.
        diagnostics: False leaves them out, for a search that unlearns many times. A model without a training loss has
            none.
        trained_on: images that the original was trained on.

    Returns:
        The unlearned model in eval mode, and what was done.

    Raises:
        NonFiniteError: weights became nan or infinite, and the original is whole; or its own losses are not finite.
        NotApplicableError: the model lacks what the method needs.
        UsageError: weights in half precision; a method of one's own returned no update, or left other parameters.
    """
    model = bare(model)
    if has_compiled_parts(model):
        model = uncompiled(copied(model))
    check_precision(model)
    check_needs(method, model)
    seed = int(torch.randint(2**62, (), generator=generator))
    task = Task(
        model=copied(model).eval(),
        split=split.to(device_of(model)),
        recipe=recipe,
        seed=seed,
        stage=stage or (lambda _: contextlib.nullcontext()),
        on_progress=on_progress or (lambda *_: None),
        on_trial=on_trial or (lambda _: None),
        trained_on=trained_on,
    )
    frozen = thaw(task.model)
    with task.stage("unlearn"), attention_with_all_derivatives():
        update = _run(method, task, model)
    if frozen:
        task.model.requires_grad_(False)
    task.model.eval()  # a method of one's own may have left it as it trains, and what follows measures it
    _movement(update, model, task.model, method)
    if isinstance(model, HasLoss):
        if (unit := loss_unit(model)) != NATS:
            update.details["loss_unit"] = unit
        if diagnostics:
            with task.stage("diagnostics"), attention_with_all_derivatives():
                update.details["diagnostics"] = _diagnostics(task, model)
    return task.model, update


def _run(method: Method, task: Task, model: Any) -> Update:
    """What ``method`` did to the task's model; where numbers were not finite, whose doing that was."""
    try:
        update = method(task)
        check_defaults(f"the method {type(method).__name__}")
        return check_update(update, method)
    except NonFiniteError as e:
        _check_original(model, task.split)
        if e.way_out:
            raise
        raise NonFiniteError(
            f"{e.rule} through {getattr(method, 'name', type(method).__name__)}", found=e.found, way_out=LOWER
        ) from e


def _movement(update: Update, model: Any, changed: Any, method: Method) -> None:
    """Checks the weights that came out and notes how far they are from the original's, in all and by layer."""
    before = {k: p.detach() for k, p in model.named_parameters()}
    after = {k: p.detach() for k, p in changed.named_parameters()}
    check_parameters(before, after, method)
    check_frozen({k: v for k, v in before.items() if k not in trainable(model)}, after, method)
    for name, p in after.items():
        if not torch.isfinite(p).all():
            raise NonFiniteError(
                f"the weights must stay finite through {update.method}",
                found=f"nan or inf in {name}",
                way_out=LOWER,
            )
    moved = {k: after[k] - before[k] for k in before}
    update.step_norm = norm(moved)
    length = norm({k: before[k] for k, v in moved.items() if bool(v.any())})
    update.relative_norm = update.step_norm / length if length > 0 else 0.0
    update.details["movement_per_layer"] = {
        k: float(v.norm() / before[k].norm().clamp(min=1e-12)) for k, v in moved.items()
    }


def _diagnostics(task: Task, model: Any) -> dict[str, Any]:
    """Losses of images to forget and to retain, before and after."""
    n = enough(math.prod(task.split.dataset.shape))
    parts: dict[str, Images] = {
        part: draw_images(task.split, part, n, seed=task.stream("diagnostics", part)) for part in PARTS
    }
    return diagnose(model, task.model, parts, seed=task.stream("diagnostics"))


def _check_original(model: Any, split: Split) -> None:
    """Asked once something was not finite: whether that was the method's doing at all."""
    if not isinstance(model, HasLoss):
        return
    few = split.retain_images[torch.arange(min(FEW, len(split.retain_images)))]
    try:
        mean_loss(model, few, seed=0)  # type: ignore[arg-type]  # a torch module, too
    except NonFiniteError as e:
        raise NonFiniteError(
            "the losses of the original must be finite, before anything is forgotten", found=e.found, way_out=OTHER
        ) from e


def check_needs(method: object, model: object, split: Split | None = None) -> None:
    """Refuses a method that ``model`` cannot serve: it names what it needs in a class attribute ``needs``.

    Where it is one option that asks for it, ``needed_by`` says which: the method may run without.

    A method that reads some options for some models only has ``check_model(model)``, which refuses the rest, and
    ``check_split(model, split)`` where it depends on what is to be forgotten.

    Args:
        method: of the contract.
        model: whose capabilities are asked.
        split: once it is known.

    Raises:
        NotApplicableError: with what the model lacks.
        UsageError: an option is not read for this model, or ``needs`` names no classes.
    """
    if lacks := lacking(model, capabilities(method)):
        needed = " and with ".join(map(_either, lacks))
        option = getattr(method, "needed_by", None)
        refusal = NotApplicableError(
            f"`{option or 'method=' + getattr(method, 'name', type(method).__name__)}` needs a model with {needed}",
            found=type(model).__name__,
            way_out="Leave it out" if option else "See `gsu show docs/families.md` for the methods that run on it",
        )
        refusal.model = None if option else model
        raise refusal
    if check := getattr(method, "check_model", None):
        check(model)
    if split is not None and (check := getattr(method, "check_split", None)):
        check(model, split)


def attention_with_all_derivatives() -> contextlib.AbstractContextManager[None]:
    """Attention by plain matrix products for a while: its fused kernels have no second and no forward derivatives."""
    return sdpa_kernel(SDPBackend.MATH)


def _either(words: str) -> str:
    """Alternatives as a reader can tell them from what must come together.

    >>> _either("a training loss"), _either("a decoder and a likelihood or noise levels")
    ('a training loss', 'either a decoder and a likelihood, or noise levels')
    """
    return f"either {words.replace(' or ', ', or ')}" if " or " in words else words
