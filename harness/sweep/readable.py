"""Whether each version can measure each series: its file opened and run once in that version's environment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from foundation.digests import json_sha256
from harness.comparison.duet import environment, runtime_of
from harness.comparison.pair import Conditions, Pairing
from harness.comparison.pair_progress import series_name
from harness.errors import ChildError, InstallationError
from harness.files.journal import Journal
from harness.processes.child_process import ChildProcess
from harness.processes.target import Target
from harness.sweep.plan import SweptVersion
from harness.sweep.versions import same_release
from harness.text.progress import Progress

CHECKS_NAME = "checks.jsonl"


def check_runtime(version: SweptVersion, backend: str) -> str:
    """Returns the runtime that the version's environment measures with, as in `onnxruntime 1.30.0`.

    Raises:
        InstallationError: it cannot be imported there, or is another version.
    """
    try:
        runtime = runtime_of(version.python, backend)
    except (OSError, ChildError) as error:
        raise InstallationError(f"{version.packaged} cannot measure: {str(error).rstrip('.')}") from error
    if not same_release(runtime.rpartition(" ")[2], version.name):
        raise InstallationError(f"{version.packaged} cannot be measured: its environment runs {runtime}")
    return runtime


def unreadable(
    versions: Iterable[SweptVersion], series: Iterable[Pairing], conditions: Conditions, journal: Journal
) -> dict[tuple[str, Pairing], str]:
    """Why a version cannot measure a series, by the version's name and the series, where it cannot.

    Args:
        versions: those that are installed.
        series: each with its artifact on both sides.
        conditions: how it will be measured.
        journal: what could be measured in earlier sessions, which is not opened again, and in this one.
    """
    opened = {one["check"] for one in journal.entries}
    checks = [(version, one) for one in series for version in versions]
    found: dict[tuple[str, Pairing], str] = {}
    with Progress("open", len(checks)) as progress:
        for version, one in checks:
            target = conditions.target(one.new, one.batch)
            key = json_sha256({"packages": dict(version.packages), "target": target.to_json()})
            reason = "" if key in opened else _reason(version.python, target, conditions.timeout_s)
            if reason:
                found[version.name, one] = reason
            elif key not in opened:
                journal.append({"check": key, "version": version.name, "model": one.model})
            progress.step(f"{series_name(one)}, {version.name}: {reason or 'ok'}", problem=bool(reason))
    return found


def _reason(python: Path, target: Target, timeout_s: float) -> str:
    """Why the target cannot be measured; empty if it can."""
    try:
        module = "harness.processes.duet_worker"
        with ChildProcess(module, "measurement", python=python, environment=environment(python)) as process:
            process.ask({"target": target.to_json(), "seed": 0}, timeout_s)
    except ChildError as error:
        return f"{error.status}: {error}"
    return ""
