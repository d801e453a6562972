"""Builds artifacts' engines in child processes: `python -m harness.processes.build` answers targets.

A runtime that compiles for the device may crash, hang or run out of memory. Such a failure becomes the status of the
series' row, and the run continues.
"""

from __future__ import annotations

import dataclasses
import queue
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import TracebackType
from typing import Any

from foundation.child import end_with_parent
from foundation.vocabulary import Status
from harness.backends.backend import BuiltEngine
from harness.errors import ChildError
from harness.processes.child import answer_lines
from harness.processes.child_process import ChildProcess
from harness.processes.target import Target


@dataclasses.dataclass(frozen=True)
class BuildResult:
    """How a build ended."""

    status: Status
    reason: str = ""
    engine: BuiltEngine | None = None
    """None if `status` is not `ok`."""

    @property
    def build_s(self) -> float | None:
        """Seconds that the build took; a cached engine keeps the figure of its build."""
        return self.engine.build_s if self.engine else None

    @property
    def cached(self) -> bool:
        """Whether an earlier build was found."""
        return self.engine is not None and self.engine.cached

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {**dataclasses.asdict(self), "engine": self.engine.to_json() if self.engine else None}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BuildResult:
        """The result read back; a failure's has no engine."""
        engine = data.get("engine")
        return cls(data["status"], data.get("reason", ""), BuiltEngine.from_json(engine) if engine else None)


class Builder:
    """Builds engines one after another, each in its own process; engines that are in the cache share a process.

    Use it as a context manager.
    """

    def __init__(self, python: str | Path = sys.executable, environment: Mapping[str, str] | None = None) -> None:
        """`python` and `environment` default to those of this process; pass others to build with another runtime."""
        self.python = python
        self._environment = environment
        self._process: ChildProcess | None = None

    def build(self, target: Target, timeout_s: float) -> BuildResult:
        """Builds an engine; whatever the process does, returns a result."""
        if self._process is None:
            self._process = ChildProcess(
                "harness.processes.build", "build", python=self.python, environment=self._environment
            )
        try:
            result = BuildResult.from_json(self._process.ask(target.to_json(), timeout_s))
        except ChildError as error:
            result = BuildResult(error.status, str(error))
        if not result.cached:
            self.end()
        return result

    def end(self) -> None:
        """Ends the process, if there is one."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def __enter__(self) -> Builder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def built(
    targets: Sequence[Target],
    timeout_s: float,
    *,
    workers: int = 1,
    python: str | Path = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[Target, BuildResult]]:
    """Builds the targets' engines; yields each target and its result as soon as its build has ended.

    Args:
        targets: the targets that need engines.
        timeout_s: time limit of one build.
        workers: builds at a time, more than one only if they time nothing (`Backend.builds_side_by_side`). With one,
            the results are in the order of the targets.
        python: interpreter of the environment that will run the engines.
        environment: environment of its processes, by default that of this process.
    """
    builders = [Builder(python, environment) for _ in range(workers)]
    idle: queue.SimpleQueue[Builder] = queue.SimpleQueue()
    for builder in builders:
        idle.put(builder)

    def build_one(target: Target) -> BuildResult:
        builder = idle.get()
        try:
            return builder.build(target, timeout_s)
        finally:
            idle.put(builder)

    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(build_one, target): target for target in targets}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            # A build that still runs after an interruption ends with its process.
            for builder in builders:
                builder.end()


def build(target: Target) -> BuildResult:
    """Builds the engine in this process.

    Raises:
        HarnessError: the runtime cannot build the engine.
    """
    engine = target.runtime().build(
        Path(target.artifact),
        precision=target.precision,
        gpu=target.gpu,
        cache_dir=Path(target.cache_dir),
        bundle_dir=Path(target.bundle_dir) if target.bundle_dir else None,
    )
    return BuildResult("ok", engine=engine)


def main() -> int:
    """Answers until the input ends."""
    end_with_parent()
    answer_lines(lambda line: build(Target.from_json(line)).to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
