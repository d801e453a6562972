"""One network in a process of its own: `python -m zoo.releases.worker FOLDER`, started by `zoo.releases.process`.

Reads `job.json` in FOLDER and leaves `result.json` there. It ends when its standard input does, and so never
outlives the process that started it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.endings import says_out_of_memory
from foundation.privacy import leave_no_settings
from foundation.replacing import replace_json

if TYPE_CHECKING:
    from zoo.native import NativeModel

JOB_FILE = "job.json"
RESULT_FILE = "result.json"


@dataclasses.dataclass(frozen=True)
class Job:
    """Which network to build, and which facts of it to collect."""

    model: str
    """Full name."""
    implementation: str
    """One of `foundation.vocabulary.IMPLEMENTATIONS`."""
    cache_dir: str = ""
    """Where checkouts are; the user's cache if empty."""
    operators_by: str = ""
    """See `zoo.releases.facts.gather`."""

    def to_json(self) -> dict[str, Any]:
        """The job as a JSON object."""
        return dataclasses.asdict(self)


def _build(job: Job) -> NativeModel:
    import zoo

    cache_dir = Path(job.cache_dir) if job.cache_dir else None
    return zoo.load(job.model, implementation=job.implementation, cache_dir=cache_dir)


def answer(job: Job) -> dict[str, Any]:
    """The result of a job as a JSON object; an exception becomes a status and a reason."""
    from foundation.wording import first_line
    from zoo.errors import MissingPackageError, ZooError
    from zoo.releases.facts import gather

    try:
        facts = gather(_build(job), job.operators_by)
    except MemoryError as error:
        return {"status": "out_of_memory", "reason": f"memory ran out: {first_line(error)}"}
    except MissingPackageError as error:
        return {"status": "unsupported", "reason": str(error)}
    except ZooError as error:
        return {"status": "failed", "reason": str(error)}
    except Exception as error:
        if says_out_of_memory(str(error)):
            return {"status": "out_of_memory", "reason": f"memory ran out: {first_line(error)}"}
        return {"status": "failed", "reason": f"{type(error).__name__}: {first_line(error)}"}
    return {"status": "ok", "reason": "", "facts": facts.to_json()}


def _end_with_input() -> None:
    """Ends this process with the one that started it, on every system; the kernel's own way exists on Linux alone.

    There it would also end this process with the thread that started it (prctl(2)), and a comparison starts its
    workers from several threads.
    """
    sys.stdin.buffer.read()
    os._exit(1)


def main(arguments: list[str]) -> int:
    """Runs the job of a folder."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    leave_no_settings()
    folder = Path(arguments[0])
    data: Mapping[str, Any] = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    result = answer(Job(**data))
    replace_json(folder / RESULT_FILE, result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
