"""Several processes, one result: each computes its blocks, and all get every block's result in the order of the blocks.

All processes (ranks, in torch's words) run the same program on the same data. Where work falls into blocks, rank ``r``
of ``N`` computes every N-th, and `Ranks.in_order` hands the results of all blocks to every rank, in order: sums and
lists made of them are the same to the last bit for every N, one process alone included. A batch of a training is cut
into pieces that do not depend on N, and their gradients are added along one tree: the same to the last bit for every N,
and the uncut batch's but for rounding. What is not shared out every rank computes for itself.

An error of one rank in its share is raised by all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gsu_cli.errors import ProcessError, UsageError
from gsu_cli.surgery.all_gather import Exchange
from gsu_cli.surgery.pieces import cuts, piece
from gsu_cli.surgery.vectors import Vector

B = TypeVar("B")
Losses = Callable[[slice], Tensor]
"""Rows of a batch -> the loss of each."""


class Ranks:
    """One process alone: all blocks are its own."""

    index, size = 0, 1

    def in_order(self, blocks: Iterable[B], of: Callable[[int, B], Vector]) -> Iterator[Vector]:
        """``of(b, block)`` of each block, in order, on every rank.

        Args:
            blocks: the same on all ranks; each is made on all.
            of: number and block -> tensors by name, on the device on which they come out again.
        """
        for b, block in enumerate(blocks):
            yield of(b, block)

    def parts_in_order(self, blocks: Iterable[B], of: Callable[[int, B], Iterator[Vector]]) -> Iterator[Vector]:
        """The same for blocks that are computed in several parts, one after the other: all parts, in order."""
        for b, block in enumerate(blocks):
            yield from of(b, block)

    def backward(self, losses: Losses, n: int, parameters: Sequence[nn.Parameter], rng: torch.Generator) -> float:
        """The mean loss of a batch; its gradient is left in ``grad`` of the parameters, if the loss is finite.

        Args:
            losses: of rows of the batch.
            n: images in the batch.
            parameters: all that are trained.
            rng: from which ``losses`` samples.
        """
        mean = losses(slice(0, n)).mean()
        value = mean.item()
        _clear(parameters)
        if torch.isfinite(mean.detach()):
            mean.backward()
        return value

    def check_trainable(self, model: nn.Module) -> None:
        """Refuses a model whose batches cannot be cut.

        Raises:
            UsageError: it has layers that take statistics of whole batches.
        """

    @contextlib.contextmanager
    def first_alone(self) -> Iterator[None]:
        """Rank 0 goes through the body before the others: it fills a cache, say, in which they find what they need."""
        yield

    def agree(self, facts: object) -> None:
        """Checks that all ranks say the same of ``facts``.

        Raises:
            ProcessError: they do not.
        """


_now: list[Ranks] = [Ranks()]


def ranks() -> Ranks:
    """Among whom work is shared just now."""
    return _now[-1]


@contextlib.contextmanager
def among(group: Ranks) -> Iterator[None]:
    """Within, work is shared among ``group``."""
    _now.append(group)
    try:
        yield
    finally:
        _now.pop()


def joined(blocks: Iterable[B], of: Callable[[B], Tensor], rows: int | None = None) -> Tensor:
    """The rows ``of(block)`` of all blocks, one below the other.

    Args:
        blocks: of work.
        of: a block's rows.
        rows: of all blocks, where that is known. Then each block's are copied to their place at once: a small tensor
            that stays among a block's large ones keeps their memory from being one piece again, so each next block took
            more.

    >>> joined([1, 2], lambda n: torch.full((n,), n)).tolist(), joined([1, 2], lambda n: torch.ones(n), rows=3).tolist()
    ([1, 2, 2], [1.0, 1.0, 1.0])
    """
    parts = ranks().in_order(blocks, lambda _, block: {"rows": of(block)})
    if rows is None:
        return torch.cat([part["rows"] for part in parts])
    whole, at = None, 0
    for part in parts:
        found = part.pop("rows")
        whole = found.new_empty(rows, *found.shape[1:]) if whole is None else whole
        whole[at : at + len(found)] = found
        at += len(found)
        del found
    if whole is None or at != rows:
        raise ValueError(f"the blocks must have {rows} rows in all: {at}")
    return whole


class Group(Ranks):
    """Several processes that have found each other.

    Args:
        exchange: how they talk.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange, self.index, self.size = exchange, exchange.index, exchange.size

    def in_order(self, blocks: Iterable[B], of: Callable[[int, B], Vector]) -> Iterator[Vector]:
        own: Vector | Exception = {}
        held = 0
        for b, block in enumerate(blocks):
            held = b % self.size + 1
            if b % self.size == self.index:
                own = _tried(of, b, block)
            if held == self.size:
                yield from self.exchange.all(own)
                own, held = {}, 0
        yield from self.exchange.all(own)[:held] if held else ()

    def parts_in_order(self, blocks: Iterable[B], of: Callable[[int, B], Iterator[Vector]]) -> Iterator[Vector]:
        def together(b: int, block: B) -> Vector:
            return {f"{i}:{k}": x for i, part in enumerate(of(b, block)) for k, x in part.items()}

        for found in self.in_order(blocks, together):
            for _, part in groupby(found.items(), lambda item: item[0].partition(":")[0]):
                yield {k.partition(":")[2]: x for k, x in part}

    def backward(self, losses: Losses, n: int, parameters: Sequence[nn.Parameter], rng: torch.Generator) -> float:
        pieces, start = cuts(n), rng.get_state()
        own = [k for k in range(len(pieces)) if k * self.size // len(pieces) == self.index]
        layers = int(torch.randint(2**62, ()))  # what layers draw comes from torch's global generator

        def gradients(_: int, own: Sequence[int]) -> Vector:
            found: dict[tuple[int, int], Tensor] = {}
            for k in own:
                _clear(parameters)
                rng.set_state(start)
                torch.manual_seed(layers + k)
                with piece(pieces[k], n, rng):
                    share = losses(pieces[k]).sum() / n
                    share.backward()
                found[0, k] = _flat(share, parameters)
            end = {"rng": rng.get_state()} if own else {}
            return end | {f"{level} {i}": x for (level, i), x in folded(found, len(pieces)).items()}

        together = self.exchange.all(_tried(gradients, 0, own))
        torch.manual_seed(layers + len(pieces))
        rng.set_state(together[0]["rng"])
        nodes = {tuple(map(int, k.split())): x for part in together for k, x in part.items() if k != "rng"}
        (total,) = folded(nodes, len(pieces)).values()  # type: ignore[arg-type]
        return _spread(total, parameters)

    def check_trainable(self, model: nn.Module) -> None:
        for name, module in model.named_modules():
            if isinstance(module, _BatchNorm):
                raise UsageError(
                    "a model that several processes train must have no BatchNorm, which looks at whole batches",
                    found=name,
                    way_out="Train it in one process; all else may run in several",
                )

    @contextlib.contextmanager
    def first_alone(self) -> Iterator[None]:
        if self.index:
            self.exchange.all({})
        try:
            yield
        finally:
            if not self.index:
                self.exchange.all({})

    def agree(self, facts: object) -> None:
        if len(set(self.exchange.texts(repr(facts)))) > 1:
            raise ProcessError(
                "all processes must come to the same results",
                found="other weights or numbers in one of them",
                way_out="They need the same gsu, torch, data and kind of processor or card, and as many threads each",
            )


def folded(nodes: dict[tuple[int, int], Tensor], leaves: int) -> dict[tuple[int, int], Tensor]:
    """Sums along the binary tree over ``leaves``, as far as the given nodes allow; ``(level, i)`` names a node.

    >>> one = torch.ones(1)
    >>> whole = folded({(0, 0): one, (0, 1): 2 * one, (0, 2): 4 * one}, 3)
    >>> {k: x.tolist() for k, x in whole.items()}, list(folded({(0, 1): one, (0, 2): one}, 3))
    ({(2, 0): [7.0]}, [(0, 1), (1, 1)])
    """
    level = 0
    while leaves > 1:
        for i in range(0, leaves, 2):
            pair = [(level, j) for j in (i, i + 1) if j < leaves]
            if all(node in nodes for node in pair):
                terms = [nodes.pop(node) for node in pair]
                nodes[level + 1, i // 2] = terms[0] + terms[1] if len(terms) == 2 else terms[0]
        leaves, level = (leaves + 1) // 2, level + 1
    return nodes


def _tried(of: Callable[[int, B], Vector], b: int, block: B) -> Vector | Exception:
    """What a rank has to say of its block, also where that fails: the others wait for it."""
    try:
        with among(Ranks()):
            return of(b, block)
    except Exception as e:  # noqa: BLE001 - it is raised by all ranks together
        return e


def _clear(parameters: Sequence[nn.Parameter]) -> None:
    for p in parameters:
        p.grad = None


def _flat(share: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """A piece's share of the loss, which parameters have a gradient, and the gradients: one row of float32."""
    there = [float(p.grad is not None) for p in parameters]
    g = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    return torch.cat([share.detach().float().reshape(1), share.new_tensor(there), *(x.reshape(-1).float() for x in g)])


def _spread(total: Tensor, parameters: Sequence[nn.Parameter]) -> float:
    """The inverse of `_flat`: gradients into ``grad``, laid out in memory as their parameters; returns the loss."""
    head, at = total[: 1 + len(parameters)].tolist(), 1 + len(parameters)
    for p, there in zip(parameters, head[1:], strict=True):
        part = total[at : at + p.numel()].view(p.shape)
        p.grad = torch.empty_like(p).copy_(part) if there else None
        at += p.numel()
    return float(head[0])
