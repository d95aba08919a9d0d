"""UCE: the word for a condition is mapped to another meaning, in closed form (docs/methods/uce.md).

    W = argmin  weight sum_{c erased} |W s(c) - v|^2 + sum_{c kept} |W s(c) - W_0 s(c)|^2 + ridge |W - W_0|^2

``W`` the linear map that conditions enter by, ``s(c)`` what it is given, ``v`` what it gives at the null condition, on
average at the kept ones, or at one of them. No image is looked at, and no weight behind ``W`` moves: the word is
renamed, and the network can still generate what it meant. Source: Gandikota, Orgad, Belinkov, Materzynska and Bau,
"Unified Concept Editing in Diffusion Models", WACV 2024, equation 7.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.checks import as_number
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.conditions import signal
from gsu_cli.models.protocols import TakesConditions
from gsu_cli.surgery.devices import wide
from gsu_cli.unlearning.classes import whole_classes
from gsu_cli.unlearning.cost import Cost

MEANINGS = ("nothing", "mean")


class Uce:
    """Renames conditions.

    Args:
        becomes: what an erased condition means: "nothing" in particular, as the null condition; "mean", the average of
            the kept ones; or the label of one that is kept.
        weight: of the erased conditions, > 0; the ridge is 1 and the kept ones weigh 1.
    """

    name = "uce"
    needs = (TakesConditions,)
    strength = Strength("weight", 1e-3, 1e3)

    def __init__(self, becomes: str | int = "nothing", weight: float = 100.0) -> None:
        if isinstance(becomes, bool) or not (isinstance(becomes, int) or becomes in MEANINGS):
            raise UsageError("`method.becomes` must be nothing, mean, or the label of a class", found=repr(becomes))
        self.becomes, self.weight = becomes, as_number("method.weight", weight, more_than=0.0)

    @torch.no_grad()
    def __call__(self, task: Task) -> Update:
        erased, model = whole_classes(task.split, self.name), task.model
        labels = torch.arange(model.conditions)
        kept = labels[~torch.isin(labels, torch.tensor(erased))]
        if isinstance(self.becomes, int) and self.becomes not in kept.tolist():
            raise UsageError(
                "`method.becomes` must be the label of a class that is kept",
                found=self.becomes,
                way_out=f"Choose one of {', '.join(map(str, kept.tolist()))}",
            )
        places = [model.condition_column(int(c)) for c in labels]
        name = places[0][0]
        parameter = dict(model.named_parameters())[name]
        columns = torch.tensor([column for _, column in places]).to(parameter.device)
        codes = wide(signal(labels, model.conditions)).to(parameter.device)
        with task.stage("step"):
            W = wide(parameter.index_select(1, columns))
            words = codes @ W.T
            chosen = {"nothing": [], "mean": kept.tolist()}.get(str(self.becomes), [self.becomes])
            forgotten, others, targets = (torch.tensor(x).to(codes.device) for x in (erased, kept.tolist(), chosen))
            v = words.index_select(0, targets).mean(0) if chosen else torch.zeros_like(words[0])
            C, K = codes.index_select(0, forgotten), codes.index_select(0, others)
            edited = ridge_edit(W, C, v.expand(len(erased), -1), K, weight=self.weight)
            parameter.index_copy_(1, columns, edited.to(parameter))
        details = {"erased": list(erased), "parameter": name, "cost": Cost().record(len(task.split.dataset.train))}
        return Update(self.name, details=details)


def ridge_edit(W: Tensor, erased: Tensor, values: Tensor, kept: Tensor, *, weight: float, ridge: float = 1.0) -> Tensor:
    """The minimiser of the sum above, ``(o, i)``.

    Args:
        W: the map ``W_0``, ``(o, i)``.
        erased, values: inputs ``(e, i)`` and what they are to become, ``(e, o)``.
        kept: inputs ``(k, i)`` whose outputs stay.
        weight: of the erased ones.
        ridge: of the change.
    """
    step = values - erased @ W.T
    gram = weight * erased.T @ erased + kept.T @ kept + ridge * torch.eye(W.shape[1]).to(W)
    found: Tensor = W + weight * torch.linalg.solve(gram, erased.T @ step).T
    return found
