"""run.json: what a run directory was measured with, and whether a later run may continue it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, StorageError
from harness.files.storage import explained
from harness.machine.environment import MACHINE_FACTS
from harness.records.schema import OLDEST_READABLE_VERSION, SCHEMA_VERSION

RUN_INFO_NAME = "run.json"

FIXED_SETTINGS = ("timing", "gpu")
"""Settings that affect every figure: a run is continued only with the same values. Others, such as the
models or the number of rounds, may change from one session to the next."""

DEFAULT_BACKEND = "onnxruntime"
"""The backend of runs that do not say which they measured."""

_ANOTHER_OUTPUT = "Give this run another --output."


class DifferentRunError(HarnessError):
    """The directory holds a run that cannot be continued as requested."""


@dataclasses.dataclass(frozen=True)
class RunEnvironment:
    """What the series of one backend are measured in, the same as in a run of that backend alone."""

    environment_id: str
    device: str
    """The processor or accelerator in words."""
    environment: dict[str, Any]
    """The facts."""

    def to_json(self) -> dict[str, Any]:
        """The facts."""
        return self.environment


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """The facts of a run that its rows share."""

    environment_id: str
    """That of the backend which was measured first, as are the next two."""
    device: str
    environment: dict[str, Any]
    settings: dict[str, Any]
    """Settings of the newest session."""
    seed: int
    reference_sha256: str
    """Digest of the reference network; empty if the run has none."""
    harness_version: str
    """Version of the newest session."""
    created_at: str
    """Start of the first session, ISO 8601, UTC."""
    schema_version: int = SCHEMA_VERSION
    environments: dict[str, RunEnvironment] = dataclasses.field(default_factory=dict)
    """By backend, in the order in which they were measured first; empty in a run of one backend."""

    @property
    def by_backend(self) -> dict[str, RunEnvironment]:
        """The environment of each backend."""
        if self.environments:
            return self.environments
        only = RunEnvironment(self.environment_id, self.device, self.environment)
        return {self.settings.get("backend", DEFAULT_BACKEND): only}

    def environment_of(self, backend: str) -> RunEnvironment:
        """The environment of the series of a backend."""
        measured = self.by_backend
        # A directory of one backend has all its series in one environment.
        return measured[backend] if backend in measured else next(iter(measured.values()))

    def with_environments(self, measured: Mapping[str, RunEnvironment]) -> RunInfo:
        """The same run with the environments of these backends, of which there is at least one."""
        first = next(iter(measured.values()))
        several = dict(measured) if len(measured) > 1 else {}
        return dataclasses.replace(self, **vars(first), environments=several)

    def apart(self) -> list[RunInfo]:
        """The facts for each environment, as those of a run in it alone."""
        found = {one.environment_id: {backend: one} for backend, one in self.by_backend.items()}
        return [self.with_environments(measured) for measured in found.values()]

    def to_json(self) -> dict[str, Any]:
        """The facts as a JSON object."""
        data = dataclasses.asdict(self)
        if not self.environments:
            del data["environments"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunInfo:
        """The facts read back; in those of earlier versions there is one environment."""
        environments = {name: RunEnvironment(**one) for name, one in data.get("environments", {}).items()}
        return cls(**{**data, "environments": environments})


def is_run(directory: Path) -> bool:
    """Whether a directory holds a run."""
    return (directory / RUN_INFO_NAME).is_file()


def load_run_info(directory: Path) -> RunInfo:
    """Reads run.json of a run directory.

    Raises:
        StorageError: there is none, or it cannot be read.
        DifferentRunError: it was written with a schema version that cannot be continued.
    """
    path = directory / RUN_INFO_NAME
    if not is_run(directory):
        raise StorageError(
            f"{directory} is not a run directory: it has no {RUN_INFO_NAME}. Give the --output of an earlier run."
        )
    with explained(path):
        text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text)
        version = data["schema_version"]
        if OLDEST_READABLE_VERSION <= version <= SCHEMA_VERSION:
            return RunInfo.from_json(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            f"{path} is damaged ({error}), so it is unknown what its trials were measured with. {_ANOTHER_OUTPUT}"
        ) from error
    raise DifferentRunError(
        f"{directory} was written with schema version {version}, but this version of the harness writes "
        f"{SCHEMA_VERSION}. {_ANOTHER_OUTPUT} Or continue it with harness {data.get('harness_version', '?')}."
    )


def check_continues(directory: Path, stored: RunInfo, wanted: RunInfo) -> None:
    """Refuses to add trials of `wanted` to those of `stored` if they would not be comparable.

    Raises:
        DifferentRunError: they are not comparable; the message names every fact that differs, with both values.
    """
    for backend, now in wanted.by_backend.items():
        _check_environment(directory, stored, backend, now)
    differences = [
        difference
        for name in FIXED_SETTINGS
        for difference in differing_facts({name: stored.settings.get(name)}, {name: wanted.settings.get(name)})
    ]
    if stored.reference_sha256 != wanted.reference_sha256:
        differences.append(("reference network", stored.reference_sha256[:16], wanted.reference_sha256[:16]))
    then, now_asked = _shard_text(stored.settings), _shard_text(wanted.settings)
    if then != now_asked:
        differences.append(("shard", then, now_asked))
    if stored.seed != wanted.seed:
        differences.append(("seed", stored.seed, wanted.seed))
    if differences:
        raise DifferentRunError(
            f"{directory} was measured differently: {_listed(differences)}. {_ANOTHER_OUTPUT} Or repeat "
            "the options of its first session."
        )


def _shard_text(settings: Mapping[str, Any]) -> str:
    shard = settings.get("shard")
    return f"{shard['number']}/{shard['count']}" if shard else "all"


def _check_environment(directory: Path, stored: RunInfo, backend: str, now: RunEnvironment) -> None:
    """Refuses a backend in another environment than it had, and a new one on another machine.

    Raises:
        DifferentRunError: see `check_continues`.
    """
    then = stored.by_backend.get(backend)
    if then is None:
        before, after = (
            {name: facts.get(name) for name in MACHINE_FACTS} for facts in (stored.environment, now.environment)
        )
        refused = before != after
    else:
        before, after = then.environment, now.environment
        refused = then.environment_id != now.environment_id
    if refused:
        raise DifferentRunError(
            f"{directory} was measured in another environment "
            f"({(then or stored).environment_id}; this one is {now.environment_id}): "
            f"{_listed(differing_facts(before, after))}. Rows of different environments are never mixed. "
            f"{_ANOTHER_OUTPUT} Or restore the environment."
        )


Difference = tuple[str, Any, Any]
"""Dotted name of a fact, its stored value and its value now; None for an absent value."""


def differing_facts(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Every fact that differs between two JSON objects, nested names joined by dots."""
    flat_stored, flat_now = dict(_flattened(stored)), dict(_flattened(now))
    return [
        (name, flat_stored.get(name), flat_now.get(name))
        for name in {**flat_stored, **flat_now}
        if flat_stored.get(name) != flat_now.get(name)
    ]


def _flattened(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = []
    for name, value in data.items():
        if isinstance(value, Mapping):
            facts += _flattened(value, f"{prefix}{name}.")
        else:
            facts.append((prefix + name, value))
    return facts


def _listed(differences: list[Difference]) -> str:
    if not differences:
        return "no recorded fact differs, so the rule that computes the id does"
    return "; ".join(f"{name} was {stored!r}, is {now!r}" for name, stored, now in differences)
