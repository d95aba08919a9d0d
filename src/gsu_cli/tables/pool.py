"""Work in processes of its own, so many at a time: what kills one is a result of that one, and memory ends with it.

Processes are forked from a server that has imported what they need; each begins at once and computes on one thread.
They end when the process that wanted them does, even by SIGKILL.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    target: Callable[..., None],
    jobs: Sequence[tuple[Any, ...]],
    *,
    workers: int,
    preload: str,
    on_start: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[int, int]]:
    """Calls ``target(*job)`` for each job, in a process each.

    Args:
        target: importable by name.
        jobs: arguments; picklable.
        workers: processes at a time.
        preload: module that the server imports once.
        on_start: hears the index of each job that starts.

    Yields:
        ``(index, exit code)`` as they end; a negative code is the number of the signal that killed it.
    """
    with _one_thread():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([preload])
        _start_server()
        waiting = deque(enumerate(jobs))
        running: dict[Any, tuple[int, BaseProcess]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    index, job = waiting.popleft()
                    process = context.Process(target=_begin, args=(target, job, dict(os.environ)))
                    process.start()
                    running[process.sentinel] = index, process
                    on_start(index)
                for ended in connection.wait(list(running)):
                    index, over = running.pop(ended)
                    over.join()
                    code = over.exitcode
                    yield index, -1 if code is None else code
        finally:
            for _, left in running.values():
                left.kill()
            for _, left in running.values():
                left.join()


def _start_server() -> None:
    """Starts the server deaf to Ctrl-C, which is for this process: it would answer with a traceback of its imports."""
    resource_tracker.ensure_running()  # the server wants it, and its start lets SIGINT through again
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """An environment in which libraries compute on one thread; ours is put back."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin(target: Callable[..., None], job: tuple[Any, ...], environment: Mapping[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()  # the server's is that of the first call
    os.environ.update(environment)

    import torch

    torch.set_num_threads(1)
    target(*job)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
