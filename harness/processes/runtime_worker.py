"""Whether a Python environment can measure: `python -m harness.processes.runtime_worker` names its runtime."""

from __future__ import annotations

import sys
from typing import Any

from foundation.child import end_with_parent
from harness.processes.child import answer_lines


def runtime(question: dict[str, Any]) -> dict[str, Any]:
    """Name and version of the runtime of a backend, all that a side of a duet needs imported before.

    Raises:
        HarnessError: the backend cannot run here.
        ImportError: a package is missing.
    """
    from harness import backends
    from harness.processes import duet_worker  # noqa: F401 - what it imports must be importable.

    return {"runtime": backends.usable(question["backend"]).runtime()}


def main() -> int:
    """Answers until there is no more to answer."""
    end_with_parent()
    answer_lines(runtime)
    return 0


if __name__ == "__main__":
    sys.exit(main())
