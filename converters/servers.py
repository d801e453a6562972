"""The servers that conversions are forked from: one warm server per framework, since no process needs both."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from multiprocessing import spawn
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


ALSO = "BASELINE_ZOO_PRELOAD"
"""Variable with the modules that PyTorch's server imports besides; it removes the variable."""
PACKAGE_MODULES = {
    "ofa": "ofa.imagenet_classification.networks",
    "pycls": "pycls.models.anynet",
    "resnest": "resnest.torch",
    "timm": "timm",
    "torchvision": "torchvision.models",
}
"""The module of each package that holds its networks, whose import takes up to a third of a small conversion's time."""

_expected: set[str] = set()


def expect(packages: Iterable[str]) -> None:
    """Has PyTorch's server, if it is not there yet, import the networks of these packages before it forks."""
    _expected.update(PACKAGE_MODULES[name] for name in packages if name in PACKAGE_MODULES)


@functools.cache
def _server(framework: str) -> Any:
    from multiprocessing import forkserver

    server = forkserver.ForkServer()
    server.set_forkserver_preload([PRELOADED[framework]])
    if framework == "pytorch":
        os.environ[ALSO] = " ".join(sorted(_expected))
    try:
        server.ensure_running()
    finally:
        os.environ.pop(ALSO, None)
    return server


@contextlib.contextmanager
def _main_left_alone() -> Iterator[None]:
    """Has a process that starts not import the caller's `__main__`, of which conversions need nothing.

    `multiprocessing` would run a script again in each process, which would convert again, without an
    `if __name__ == "__main__"` around its calls.
    """
    whole = spawn.get_preparation_data

    def without_main(name: str) -> dict[str, Any]:
        return {key: value for key, value in whole(name).items() if not key.startswith("init_main")}

    spawn.get_preparation_data = without_main
    try:
        yield
    finally:
        spawn.get_preparation_data = whole


def start(framework: str, target: Any, args: tuple[Any, ...]) -> Any:
    """A started process, forked from the framework's server if the platform can, otherwise a fresh interpreter.

    `multiprocessing` keeps one server for all of its processes; to use another, that one stands in for it
    while a process starts, so only one thread at a time may start processes.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        process: Any = multiprocessing.get_context("spawn").Process(target=target, args=args)
        with _main_left_alone():
            process.start()
        return process
    from multiprocessing import forkserver

    process = multiprocessing.get_context("forkserver").Process(target=target, args=args)
    shared = forkserver.connect_to_new_process
    forkserver.connect_to_new_process = _server(framework).connect_to_new_process
    try:
        with _main_left_alone():
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
