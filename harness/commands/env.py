"""`harness env`: the machine, its GPUs, and what each backend is missing."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from harness import backends
from harness.commands.command import Command
from harness.commands.gpu_requirements import Requirement, gpu_requirements, visible_gpus
from harness.errors import EXIT_SUCCESS
from harness.machine.energy.sources import EnergySource, energy_sources
from harness.machine.environment import Environment, collect
from harness.machine.gpu.facts import GpuFacts, facts_of


@dataclasses.dataclass(frozen=True)
class EnvironmentReport:
    """Everything that is known about this machine before anything is measured on it."""

    environment: Environment
    """The environment of measurements on the processor."""
    gpus: list[GpuFacts]
    """In the order in which `--device` counts them."""
    requirements: list[Requirement]
    """The requirements for measuring on a GPU."""
    energy: list[EnergySource]
    """Where the energy of an inference is read besides a GPU's board, or why it is not."""
    backends: list[BackendReport]

    @classmethod
    def collect(cls) -> EnvironmentReport:
        """The report of this machine."""
        devices, why_none = visible_gpus()
        return cls(
            environment=collect(),
            gpus=[facts_of(device) for device in devices],
            requirements=gpu_requirements(devices, why_none),
            energy=energy_sources(),
            backends=explain(),
        )

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object: the processor's facts, and `gpus`, `gpu_requirements`, `energy`, `backends`."""
        return {
            **self.environment.to_json(),
            "environment_id": self.environment.environment_id,
            "gpus": [dataclasses.asdict(gpu) for gpu in self.gpus],
            "gpu_requirements": {one.name: dataclasses.asdict(one) for one in self.requirements},
            "energy": {one.part: dataclasses.asdict(one) for one in self.energy},
            "backends": {report.name: dataclasses.asdict(report) for report in self.backends},
        }

    def text(self) -> str:
        """The report as text, one fact per line."""
        facts = dataclasses.asdict(self.environment)
        del facts["accelerator"]
        lines = [f"environment {self.environment.environment_id} (measuring on the processor)", *_facts(facts)]
        for index, gpu in enumerate(self.gpus):
            lines += ["", f"GPU {index}: {gpu.device}", *_facts(dataclasses.asdict(gpu))]
        if not self.gpus:
            lines += ["", "GPU: none"]
        lines += ["", "for measuring on a GPU", *(line for one in self.requirements for line in _requirement(one))]
        lines += ["", "energy of an inference", *(line for one in self.energy for line in _energy(one))]
        lines += ["", "backends", *(line for report in self.backends for line in _backend(report))]
        return "\n".join(lines)


def _facts(facts: dict[str, Any]) -> list[str]:
    """One line per fact; nested objects are flattened, and absent facts of a Jetson omitted."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines += _facts(value)
        elif name != "jetson":
            lines.append(f"  {name.replace('_', ' ')}: {'unknown' if value is None else value}")
    return lines


def _requirement(one: Requirement) -> list[str]:
    state = one.found or ("MISSING" if one.needed else "missing, optional")
    return [f"  {one.name}: {state}", *([f"      {one.what_to_do}"] if one.what_to_do else [])]


def _energy(one: EnergySource) -> list[str]:
    return [f"  {one.part}: {one.source or 'not reported'}", *([f"      {one.what_to_do}"] if one.what_to_do else [])]


def _backend(report: BackendReport) -> list[str]:
    verdict = "can run" if report.usable else "CANNOT RUN"
    return [f"  {report.name}: {verdict}. {report.why}", *([f"      {report.what_to_do}"] if report.what_to_do else [])]


@dataclasses.dataclass(frozen=True)
class BackendReport:
    """The report on one backend."""

    name: str
    usable: bool
    why: str
    what_to_do: str


def explain() -> list[BackendReport]:
    """The report on each backend: whether it can run here, and if not, why and what to do."""
    reports = []
    for name in backends.names():
        availability = backends.get(name).availability()
        reports.append(BackendReport(name, availability.usable, availability.why, availability.what_to_do))
    return reports


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _env(arguments: argparse.Namespace) -> int:
    """Prints the report of this machine."""
    report = EnvironmentReport.collect()
    print(json.dumps(report.to_json(), indent=2) if arguments.json else report.text())
    return EXIT_SUCCESS


ENV = Command(_add_options, _env)
