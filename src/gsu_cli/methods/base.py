"""What a method is written with, in one import; the contract is in CONTRIBUTING.md, and in `unlearning.contract`."""

from gsu_cli.unlearning.contract import Method, Strength, Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import CHECK_IMAGES, draw_images
from gsu_cli.unlearning.weights import SCOPES, add_, cosine, names_in_scope

__all__ = [
    "CHECK_IMAGES",
    "SCOPES",
    "Cost",
    "Method",
    "Strength",
    "Task",
    "Update",
    "add_",
    "cosine",
    "draw_images",
    "names_in_scope",
]
