"""Fine-tuning on the retain set alone: the lower reference of what forgetting costs nothing to try."""

from __future__ import annotations

from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Task, Update
from gsu_cli.models.protocols import HasLoss, Trainable
from gsu_cli.training.history import Progress
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.cost import Cost


class Finetune:
    """Goes on training on the retain set: AdamW under a one-cycle schedule.

    Args:
        epochs: passes over the retain set.
        lr: peak learning rate.
        batch_size: images a step.
    """

    name = "finetune"
    needs = (HasLoss | Trainable,)
    strength = None

    def __init__(self, epochs: int = 1, lr: float = 1e-3, batch_size: int = 256) -> None:
        try:
            self.recipe = Recipe(epochs=epochs, batch_size=batch_size, lr=lr)
        except UsageError as e:
            raise UsageError(e.rule.replace("training.", "method."), found=e.found) from None

    def __call__(self, task: Task) -> Update:
        def on_progress(p: Progress) -> None:
            task.on_progress(p.step, p.steps, p.loss)

        with task.stage("step"):
            history = fit(
                task.model, task.split.retain_images, self.recipe, seed=task.stream("finetune"), on_progress=on_progress
            )
        steps = -(-task.split.n_retain // self.recipe.batch_size) * self.recipe.epochs
        shown = self.recipe.epochs * task.split.n_retain
        cost = Cost.of_training(task.model, self.recipe, shown).record(len(task.split.dataset.train))
        return Update(self.name, shots=steps, details={"losses": history.losses, "cost": cost})
