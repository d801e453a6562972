"""Builds artifacts' engines in processes of their own: `python -m harness.processes.build` answers targets.

A runtime that compiles for the device may crash, hang or run out of memory while it does. That costs the
series its row's status, and the run goes on.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from foundation.child import end_with_parent
from foundation.vocabulary import Status
from harness import backends
from harness.errors import ChildError
from harness.processes.child import answer_lines
from harness.processes.child_process import ChildProcess
from harness.processes.target import Target


@dataclasses.dataclass(frozen=True)
class BuildResult:
    """How it ended; `build_s` and `cached` are None where `status` is not `ok`."""

    status: Status
    reason: str = ""
    build_s: float | None = None
    cached: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BuildResult:
        """The result read back."""
        return cls(**data)


class Builder:
    """Builds engines one after another, each build in a process of its own; those in the cache share one.

    Use it as a context manager.
    """

    def __init__(self, python: str | Path = sys.executable, environment: Mapping[str, str] | None = None) -> None:
        """`python` and its `environment` are this process's own unless another runtime is to build."""
        self.python = python
        self._environment = environment
        self._process: ChildProcess | None = None

    def build(self, target: Target, timeout_s: float) -> BuildResult:
        """Builds an engine; whatever the process does, the answer is a result."""
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
    targets: Iterable[Target],
    timeout_s: float,
    *,
    python: str | Path = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> Iterator[BuildResult]:
    """Builds the targets' engines one after another; each result comes as soon as its build has ended.

    Args:
        targets: whose engines are wanted.
        timeout_s: for one build.
        python: interpreter of the environment that will run the engines.
        environment: of its processes, by default this process's own.
    """
    with Builder(python, environment) as builder:
        for target in targets:
            yield builder.build(target, timeout_s)


def build(target: Target) -> BuildResult:
    """Builds the engine in this process.

    Raises:
        HarnessError: the runtime cannot build it.
    """
    engine = backends.get(target.backend).build(
        Path(target.artifact), precision=target.precision, gpu=target.gpu, cache_dir=Path(target.cache_dir)
    )
    return BuildResult("ok", build_s=engine.build_s, cached=engine.cached)


def main() -> int:
    """Answers until there is no more to build."""
    end_with_parent()
    answer_lines(lambda line: build(Target.from_json(line)).to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
