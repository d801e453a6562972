"""One side of a duet: `python -m harness.processes.duet_worker` holds a session and times blocks on request.

Its first input line says what to load; all others are orders. `harness.comparison.duet` is the other end.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

import numpy as np

from foundation.child import end_with_parent
from harness.backends.session import Session
from harness.processes.child import answer_lines
from harness.processes.inputs import Feed, seeded_values
from harness.processes.target import Target
from harness.processes.tensors import check_finite
from harness.timing.loop import Timeable, garbage_collector_off


class DuetService:
    """Loads the session that the first line describes, and obeys all other lines."""

    def __init__(self, resources: contextlib.ExitStack) -> None:
        self._resources = resources
        self._session: Session | None = None

    def answer(self, line: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer to the line, which is empty for the first line."""
        if self._session is not None:
            return obey(self._session, line)
        self._session = self._load(Target.from_json(line["target"]), line["seed"])
        return {}

    def _load(self, target: Target, seed: int) -> Session:
        session = self._resources.enter_context(target.open())
        feed = Feed.of(target.inputs)
        session.start(seeded_values(session.inputs, seed, feed))
        check_finite(session.outputs(), feed.described())
        self._resources.enter_context(garbage_collector_off())
        return session


def obey(session: Timeable, order: dict[str, Any]) -> dict[str, Any]:
    """Runs and times the ordered numbers of inferences; the answer has the times and this process's CPU seconds."""
    latencies_ns = np.zeros(order.get("timed", 0), dtype=np.int64)
    for _ in range(order.get("untimed", 0)):
        session.infer()
    if latencies_ns.size:
        session.time_block(latencies_ns, time.perf_counter_ns)
    return {"latencies_ns": latencies_ns.tolist(), "cpu_s": time.process_time()}


def main() -> int:
    """Answers until the input ends."""
    end_with_parent()
    with contextlib.ExitStack() as resources:
        answer_lines(DuetService(resources).answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
