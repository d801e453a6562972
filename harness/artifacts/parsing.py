"""Whether a TensorRT takes artifacts: each is parsed and built by the real library, and its engine thrown away."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from foundation.vocabulary import Status
from foundation.wording import counted
from harness.artifacts.engines import build_engines
from harness.backends.backend import Backend, BuiltEngine
from harness.machine.gpu.settings import GpuSettings
from harness.processes.target import Target
from harness.records.series import Series

JUDGED_FOLDER = "judged"


@dataclasses.dataclass(frozen=True)
class ParserVerdict:
    """What the library said of one artifact."""

    model: str
    precision: str
    artifact_sha256: str
    """Empty if there is no artifact, because the conversion failed."""
    status: Status
    reason: str = ""
    """Why it is not `ok`: operators that the parser cannot take are named with their nodes."""
    engine: BuiltEngine | None = None
    """The engine that was built and thrown away; None if the status is not `ok`."""

    @property
    def parsed(self) -> bool | None:
        """Whether the parser took it; None if that is not known, because something else failed."""
        if self.status == "ok":
            return True
        return False if self.status == "unsupported" and self.artifact_sha256 else None

    def line(self) -> str:
        """The verdict for people."""
        if self.engine is None:
            return f"{self.model} {self.precision}: {self.status}: {self.reason}"
        facts = self.engine.facts
        told = [
            f"{facts.network_layers} layers",
            f"parsed in {facts.parse_s:.1f} s",
            f"built in {self.engine.build_s:.1f} s",
            f"{self.engine.size_mib:.1f} MiB",
            *(f"warning: {text}" for text in facts.warnings),
        ]
        return f"{self.model} {self.precision}: {', '.join(told)}"


def judge(
    backend: Backend,
    series: Sequence[Series],
    timeout_s: float,
    cache_dir: Path,
    say: Callable[[str], None],
    workers: int = 0,
) -> Iterator[ParserVerdict]:
    """The library's verdict on the artifact of every series, as each ends; an artifact of several series is one.

    Args:
        backend: a backend that builds engines (`backends.buildable`).
        series: of any precisions; one whose conversion failed is a verdict too.
        timeout_s: limit for one engine.
        cache_dir: the cache, in whose `JUDGED_FOLDER` an engine lies until its verdict is there, and the library's
            messages stay.
        say: prints a line for the user.
        workers: builds at a time; the number of physical cores if 0.
    """
    for one in series:
        if one.status != "ok":
            yield ParserVerdict(one.model, one.precision, "", cast(Status, one.status), one.reason)
    first: dict[Target, Series] = {}
    for one in series:
        if one.status == "ok":
            target = one.target(1, GpuSettings(), cache_dir / JUDGED_FOLDER)
            first.setdefault(dataclasses.replace(target, backend=backend.name), one)
    names = {target: f"{one.model} {one.precision}" for target, one in first.items()}
    for target, result in build_engines(backend, names, timeout_s, say, workers):
        one = first[target]
        if result.engine:
            shutil.rmtree(result.engine.path.parent, ignore_errors=True)
        yield ParserVerdict(one.model, one.precision, one.artifact_sha256, result.status, result.reason, result.engine)


def summary(verdicts: Sequence[ParserVerdict], backend: Backend) -> str:
    """How many artifacts the library takes."""
    taken = sum(verdict.status == "ok" for verdict in verdicts)
    return f"{backend.runtime()} parsed and built {taken} of {counted(len(verdicts), 'artifact')}"
