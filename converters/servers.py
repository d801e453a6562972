"""The servers that conversions are forked from: one warm server per framework, since no process needs both."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
from typing import Any

from zoo.releases.process import thread_variables

NO_FRAMEWORK = "none"
"""Server for graphs made from graphs."""

PRELOADED = {
    "pytorch": "converters.preload",
    "tensorflow": "converters.preload_tensorflow",
    NO_FRAMEWORK: "converters.preload_graphs",
}
"""The module that each framework's server imports before it forks."""


@functools.cache
def _server(framework: str) -> Any:
    from multiprocessing import forkserver

    server = forkserver.ForkServer()
    server.set_forkserver_preload([PRELOADED[framework]])
    return server


def start(framework: str, target: Any, args: tuple[Any, ...]) -> Any:
    """A started process, forked from the framework's server if the platform can, otherwise a fresh interpreter.

    `multiprocessing` keeps one server for all of its processes; to use another, that one stands in for it
    while a process starts, so only one thread at a time may start processes.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        process: Any = multiprocessing.get_context("spawn").Process(target=target, args=args)
        process.start()
        return process
    from multiprocessing import forkserver

    process = multiprocessing.get_context("forkserver").Process(target=target, args=args)
    shared = forkserver.connect_to_new_process
    forkserver.connect_to_new_process = _server(framework).connect_to_new_process
    try:
        process.start()
    finally:
        forkserver.connect_to_new_process = shared
    return process


def use_one_thread(framework: str) -> None:
    """Limits a conversion to one core, since several run in parallel; to be called before the first operation.

    If no framework is imported yet, the limit applies to the one imported later.
    """
    if framework == NO_FRAMEWORK:
        os.environ.update(thread_variables(1))
        return
    # The adapter reports a missing package, with the extra that installs it.
    with contextlib.suppress(ImportError):
        if framework == "tensorflow":
            import tensorflow

            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        else:
            import torch

            torch.set_num_threads(1)
