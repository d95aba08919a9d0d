"""What a metric is written with, in one import: a callable ``(model, context) -> list of Measurement``.

All metrics of a row see the same weights and the same images: an `EvaluatedModel` generates them once, and remembers
what each judge said of them.
"""

from gsu_cli.evaluation.context import Checked, EvaluationContext, HasFloor, Metric
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.kind import NO_IMAGES, Kind
from gsu_cli.run.record import Measurement

__all__ = ["NO_IMAGES", "Checked", "EvaluatedModel", "EvaluationContext", "HasFloor", "Kind", "Measurement", "Metric"]
