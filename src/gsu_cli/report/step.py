"""What a step towards targets did, from its record: which targets it had, and how it ended."""

from __future__ import annotations

from gsu_cli.report.details import noted
from gsu_cli.run.record import Record

EXPECTED, NEAR = "what retained images expect at the forgotten latents", "pictures at near latents"


def targets(record: Record) -> list[str]:
    """Which targets a method chose by how dense retained images are where the forgotten ones lie, and how dense."""
    found = noted(record).get("target")
    if not found:
        return []
    there, what = found["retained_there"], EXPECTED if found["kind"] == "expected" else NEAR
    dense = f"{there['share']:.0%} of the density, in effect by {there['images']:.3g} of them"
    return [f"targets: {what} (where forgotten images lie in the latent space, retained ones make up {dense})"]


def finish(record: Record) -> list[str]:
    """Whether the last layer took its share, where it was to, or another step was taken after a second look."""
    details = noted(record)
    found = details.get("finish")
    if not found:
        return []
    looked = details.get("own_samples") or {}
    if looked.get("taken") == "ascent":
        left, before, ascent = (f"{looked[key]:.1%}" for key in ("step", "before", "ascent"))
        what = record.split.get("forget", "it")
        return [
            f"after a step that redirects the method's own discriminant still saw {what} in {left} of the model's "
            f"samples ({before} before), after Newton's ascent in {ascent}: that was taken"
        ]
    if found["taken"] == record.update.get("shots"):
        several = (details.get("class_level") or {}).get("ends") or details.get("own_drift")
        of = "each limit of the step" if several else "the budget"
        return [f"the last layer was refitted in closed form, for {found['share']:.0%} of {of}"]
    return ["the last layer stays as the step left it: no refit lowered the redirect loss within the budget"]
