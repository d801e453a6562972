"""Closes a process before original code runs in it: no network, no writes into a checkout, no bytecode.

The guard is a Python audit hook, which cannot be removed again. It keeps original code from downloading files and
from changing a checkout. It is not a defence against hostile code.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.releases import shims
from zoo.releases.pins import ReleaseSource

_ADDRESSED = ("socket.connect", "socket.sendto", "socket.sendmsg")
_NAMED_HOSTS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex")
_CHANGES = (
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    # Its operations within the folder have no whole path.
    "shutil.rmtree",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ClosedProcessError(PermissionError):
    """Something that original code tried and may not do."""


def _guard(folders: tuple[Path, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    closed = tuple(os.path.realpath(folder) + os.sep for folder in folders)

    def refuse_inside(path: Any, deed: str) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            place = os.path.realpath(os.fsdecode(path))
            if place.startswith(closed):
                raise ClosedProcessError(f"original code may not {deed} its own checkout: {place}")

    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                refuse_inside(path, "write into")
        elif event in _ADDRESSED:
            if arguments[0].family in (socket.AF_INET, socket.AF_INET6):
                raise ClosedProcessError(f"original code may not reach the network: {arguments[1]}")
        elif event in _NAMED_HOSTS:
            raise ClosedProcessError(f"original code may not reach the network: {arguments[0]}")
        elif event in _CHANGES:
            for argument in arguments:
                refuse_inside(argument, "change")

    return guard


def isolate(source: ReleaseSource, folders: tuple[Path, ...]) -> None:
    """Prepares this process for the original code of a source, permanently.

    Args:
        source: the source whose environment variables and shims are needed.
        folders: the checkouts, which may only be read.
    """
    os.environ.update(source.environment)
    # In this process and in those that it starts.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.addaudithook(_guard(folders))
    shims.install(source.source)
