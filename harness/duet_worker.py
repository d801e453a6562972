"""One side of a duet: `python -m harness.duet_worker JOB` holds a session and times blocks when told to.

It reads a JSON object a line from standard input and answers each with one on standard output; what a runtime
prints goes to standard error. It ends when its input does. `harness.comparison.duet` is the other end.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from harness import backends
from harness.gpu.settings import GpuSettings
from harness.timing import Timeable, garbage_collector_off
from harness.worker import check_finite, end_with_parent, failure, seeded_images


def serve(job: dict[str, Any], orders: TextIO, answers: TextIO) -> None:
    """Loads the session, says how that went, and obeys until the input ends."""
    try:
        backend = backends.get(job["backend"])
        session = backend.prepare(
            job["artifact"],
            precision=job["precision"],
            batch=job["batch"],
            threads=job["threads"],
            gpu=GpuSettings.from_json(job["gpu"]),
            cache_dir=job["cache_dir"],
        )
        with session:
            session.start(seeded_images(session, job["seed"]))
            check_finite(session.outputs())
            _answer(answers, {"status": "ok", "runtime": backend.runtime()})
            with garbage_collector_off():
                for line in orders:
                    _answer(answers, obey(session, json.loads(line)))
    except Exception as error:
        failed = failure(error)
        _answer(answers, {"status": failed.status, "reason": failed.reason})


def obey(session: Timeable, order: dict[str, Any]) -> dict[str, Any]:
    """Runs or times as many inferences as the order says; the answer has the times and this process's CPU seconds."""
    latencies_ns = np.zeros(order.get("timed", 0), dtype=np.int64)
    for _ in range(order.get("untimed", 0)):
        session.infer()
    if latencies_ns.size:
        session.time_block(latencies_ns, time.perf_counter_ns)
    return {"status": "ok", "latencies_ns": latencies_ns.tolist(), "cpu_s": time.process_time()}


def _answer(answers: TextIO, data: dict[str, Any]) -> None:
    answers.write(json.dumps(data) + "\n")
    answers.flush()


def main(arguments: list[str]) -> int:
    """Serves the job in the file."""
    end_with_parent()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(json.loads(Path(arguments[0]).read_text()), sys.stdin, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
