"""Entry point of the evaluating process, which may end in any way: `python -m harness.accuracy.worker`."""

from __future__ import annotations

import sys

from foundation.child import die_first, end_with_parent
from harness.accuracy.worker.service import Service
from harness.processes.child import answer_lines


def main() -> int:
    """Answers questions until there are no more."""
    end_with_parent()
    die_first()
    answer_lines(Service().answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
