"""Several processes that share work, as torchrun starts them: forked from the test, found through a file."""

from __future__ import annotations

import multiprocessing
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch.distributed as dist

from gsu_cli.surgery.all_gather import Exchange
from gsu_cli.surgery.ranks import Group, among


def in_ranks(n: int, work: Callable[[], Any], folder: Path, group: type[Group] = Group) -> list[Any]:
    """What ``work()`` returns in each of ``n`` processes; an exception of one is returned in words.

    Args:
        n: processes.
        work: returns what can be pickled, no tensors.
        folder: where they find each other.
        group: how they share.
    """
    meeting = folder / f"meeting-{len(list(folder.iterdir()))}"
    context = multiprocessing.get_context("fork")  # the work is a closure of the test, and torch is there already
    ends = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads; ours only wait
        for index in range(n):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_one, args=(index, n, work, meeting, group, there))
            process.start()
            there.close()
            ends.append((process, here))
    try:
        return [here.recv() for _, here in ends]
    finally:
        for process, _ in ends:
            process.join(20)
            process.kill()


def _one(index: int, n: int, work: Callable[[], Any], meeting: Path, group: type[Group], end: Any) -> None:
    try:
        dist.init_process_group("gloo", store=dist.FileStore(str(meeting), n), rank=index, world_size=n)
        with among(group(Exchange())):
            end.send(work())
        dist.destroy_process_group()
    except BaseException as e:  # noqa: BLE001
        end.send(f"{type(e).__name__}: {e}" if not isinstance(e, AssertionError) else traceback.format_exc())
