"""In which environment a host measures, by a process with the variables of a shell there."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from foundation.child import end_with_parent
from foundation.wording import first_line
from harness import backends
from harness.backends.device import environment_of
from harness.errors import HarnessError
from harness.hosts import priority
from harness.hosts.piece import bare_environment
from harness.machine.gpu.settings import GpuSettings
from harness.processes.launcher import python_command

_TIMEOUT_S = 120.0


@dataclasses.dataclass(frozen=True)
class AskedDevices:
    """What series are to be measured on."""

    backends: tuple[str, ...]
    threads: int | None
    """Threads of an inference; None for the number of physical cores of each host."""
    gpu: GpuSettings
    times: bool = True
    """Whether latency is measured."""

    def to_json(self) -> dict[str, Any]:
        """The devices as a JSON object."""
        return {
            "backends": list(self.backends),
            "threads": self.threads,
            "gpu": self.gpu.to_json(),
            "times": self.times,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AskedDevices:
        """The devices read back."""
        return cls(tuple(data["backends"]), data["threads"], GpuSettings.from_json(data["gpu"]), data["times"])


@dataclasses.dataclass(frozen=True)
class FoundEnvironments:
    """The environments of a host."""

    ids: Mapping[str, str]
    """By backend."""
    facts: Mapping[str, Mapping[str, Any]]
    """By backend, what the ids are digests of."""

    @property
    def name(self) -> str:
        """All ids, for a folder."""
        return "-".join(dict.fromkeys(self.ids.values()))


def environments_here(asked: AskedDevices) -> FoundEnvironments:
    """The environments of the host where this runs.

    Raises:
        HarnessError: a backend cannot run here, latency cannot be measured here, or the question was not answered; the
            message says what to do.
    """
    if asked.times and (why := priority.fault()):
        raise HarnessError(why)
    command = [*python_command("harness.hosts.environments"), json.dumps(asked.to_json())]
    try:
        ended = subprocess.run(
            command, env=bare_environment(), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise HarnessError(f"it does not say within {_TIMEOUT_S:.0f} s what it measures in") from error
    try:
        answer = json.loads(ended.stdout)
    except ValueError as error:
        raise HarnessError(f"it cannot say what it measures in: {ended.stderr.strip()[-400:]}") from error
    if "fault" in answer:
        raise HarnessError(answer["fault"])
    return FoundEnvironments(answer["ids"], answer["facts"])


def _answer(asked: AskedDevices) -> dict[str, Any]:
    try:
        found = {name: environment_of(backends.usable(name), asked.gpu, asked.threads) for name in asked.backends}
    except HarnessError as error:
        return {"fault": first_line(error)}
    return {
        "ids": {name: one.environment_id for name, one in found.items()},
        "facts": {name: one.to_json() for name, one in found.items()},
    }


if __name__ == "__main__":
    end_with_parent()
    print(json.dumps(_answer(AskedDevices.from_json(json.loads(sys.argv[1])))))
