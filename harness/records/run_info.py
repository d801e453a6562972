"""run.json: what a run directory was measured with, and whether a later run may continue it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, StorageError
from harness.files.storage import explained
from harness.records.schema import OLDEST_READABLE_VERSION, SCHEMA_VERSION

RUN_INFO_NAME = "run.json"

FIXED_SETTINGS = ("timing", "gpu")
"""Settings that affect every figure: a run is continued only with the same values. Others, such as the
models or the number of rounds, may change from one session to the next."""

_ANOTHER_OUTPUT = "Give this run another --output."


class DifferentRunError(HarnessError):
    """The directory holds a run that cannot be continued as requested."""


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """The facts of a run that its rows share."""

    environment_id: str
    device: str
    """The processor or accelerator in words."""
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

    def to_json(self) -> dict[str, Any]:
        """The facts as a JSON object."""
        return dataclasses.asdict(self)


def load_run_info(directory: Path) -> RunInfo:
    """Reads run.json of a run directory.

    Raises:
        StorageError: there is none, or it cannot be read.
        DifferentRunError: it was written with a schema version that cannot be continued.
    """
    path = directory / RUN_INFO_NAME
    if not path.is_file():
        raise StorageError(
            f"{directory} is not a run directory: it has no {RUN_INFO_NAME}. Give the --output of an earlier run."
        )
    with explained(path):
        text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text)
        version = data["schema_version"]
        if OLDEST_READABLE_VERSION <= version <= SCHEMA_VERSION:
            return RunInfo(**data)
    except (ValueError, TypeError, KeyError) as error:
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
    if stored.environment_id != wanted.environment_id:
        differences = differing_facts(stored.environment, wanted.environment)
        raise DifferentRunError(
            f"{directory} was measured in another environment "
            f"({stored.environment_id}; this one is {wanted.environment_id}): {_listed(differences)}. "
            f"Rows of different environments are never mixed. {_ANOTHER_OUTPUT} Or restore the environment."
        )
    differences = [
        difference
        for name in FIXED_SETTINGS
        for difference in differing_facts({name: stored.settings.get(name)}, {name: wanted.settings.get(name)})
    ]
    if stored.reference_sha256 != wanted.reference_sha256:
        differences.append(("reference network", stored.reference_sha256[:16], wanted.reference_sha256[:16]))
    if stored.seed != wanted.seed:
        differences.append(("seed", stored.seed, wanted.seed))
    if differences:
        raise DifferentRunError(
            f"{directory} was measured differently: {_listed(differences)}. {_ANOTHER_OUTPUT} Or repeat "
            "the options of its first session."
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
