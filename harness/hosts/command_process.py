"""Runs one command of the harness in a process that the kernel kills with the one that started it."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence

from foundation.child import end_with_parent


def run(parent: int, words: Sequence[str]) -> None:
    """Becomes `python -m harness WORDS`; does not return.

    Args:
        parent: the process that started this one; if it has ended already, nothing is done.
        words: the command's words.
    """
    end_with_parent()
    if sys.platform != "win32" and os.getppid() != parent:
        sys.exit(1)
    sys.argv = ["harness", *words]
    runpy.run_module("harness", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2:])
