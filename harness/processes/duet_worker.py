"""One side of a duet: `python -m harness.processes.duet_worker` holds a session and times blocks when told to.

The first line it is given is the job; all others are orders (`harness.processes.partner`).
`harness.comparison.duet` is the
other end.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

import numpy as np

from foundation.child import end_with_parent
from harness import backends
from harness.backends.session import Session
from harness.machine.gpu.settings import GpuSettings
from harness.processes.child import check_finite, failure, seeded_images
from harness.processes.partner import answer_lines
from harness.timing.loop import Timeable, garbage_collector_off


class Side:
    """Loads the session of the first line, and obeys the others."""

    def __init__(self, resources: contextlib.ExitStack) -> None:
        self._resources = resources
        self._session: Session | None = None

    def answer(self, line: dict[str, Any]) -> dict[str, Any]:
        """What became of the line."""
        try:
            if self._session is not None:
                return obey(self._session, line)
            self._session = self._load(line)
        except Exception as error:
            failed = failure(error)
            return {"status": failed.status, "reason": failed.reason}
        return {"status": "ok"}

    def _load(self, job: dict[str, Any]) -> Session:
        session = backends.get(job["backend"]).prepare(
            job["artifact"],
            precision=job["precision"],
            batch=job["batch"],
            threads=job["threads"],
            gpu=GpuSettings.from_json(job["gpu"]),
            cache_dir=job["cache_dir"],
        )
        self._resources.enter_context(session)
        session.start(seeded_images(session, job["seed"]))
        check_finite(session.outputs())
        self._resources.enter_context(garbage_collector_off())
        return session


def obey(session: Timeable, order: dict[str, Any]) -> dict[str, Any]:
    """Runs or times as many inferences as the order says; the answer has the times and this process's CPU seconds."""
    latencies_ns = np.zeros(order.get("timed", 0), dtype=np.int64)
    for _ in range(order.get("untimed", 0)):
        session.infer()
    if latencies_ns.size:
        session.time_block(latencies_ns, time.perf_counter_ns)
    return {"status": "ok", "latencies_ns": latencies_ns.tolist(), "cpu_s": time.process_time()}


def main() -> int:
    """Answers until there is no more to answer."""
    end_with_parent()
    with contextlib.ExitStack() as resources:
        answer_lines(Side(resources).answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
