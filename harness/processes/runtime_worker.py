"""Checks whether a Python environment can measure: `python -m harness.processes.runtime_worker` names its runtime."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from foundation.child import end_with_parent
from harness.processes.child import answer_lines


def runtime(question: dict[str, Any]) -> dict[str, Any]:
    """Returns the name and version of a backend's runtime, after importing all that a side of a duet needs.

    Raises:
        HarnessError: the backend cannot run in this environment.
        ImportError: a package is missing.
    """
    from harness import backends

    # What a side imports must be importable here.
    importlib.import_module("harness.processes.duet_worker")
    return {"runtime": backends.usable(question["backend"]).runtime()}


def main() -> int:
    """Answers until the input ends."""
    end_with_parent()
    answer_lines(runtime)
    return 0


if __name__ == "__main__":
    sys.exit(main())
