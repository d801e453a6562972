"""The machine and the software that a latency depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import platform
import sys
from pathlib import Path
from typing import Any

from foundation import privacy
from foundation.packages import package_version
from foundation.wording import counted
from harness.machine.gpu.facts import Accelerator
from harness.machine.jetson import jetson_facts
from harness.machine.linux_facts import LinuxFacts
from harness.machine.processor import allowed_physical_cores, logical_cores, memory_mib, physical_cores

# Facts that may change a latency. The machine's name, its free memory, its Python and the version of this
# harness do not; the total memory only decides whether something runs at all. A runtime's telemetry is a thread that
# sleeps, and not here, so that the ids of records from before it was switched off remain.
_IDENTITY = (
    "cpu_model",
    "cpu_revision",
    "cpu_features",
    "architecture",
    "physical_cores",
    "logical_cores",
    "threads",
    "system",
    "onnxruntime_version",
    "governor",
    "boost",
    "frequency_min_mhz",
    "frequency_max_mhz",
    "virtualisation",
    "cpu_limit_cores",
)


MACHINE_FACTS = (*(name for name in _IDENTITY if name != "onnxruntime_version"), "power_mode")
"""Those of them that are the same for every runtime."""


@dataclasses.dataclass(frozen=True)
class Environment:
    """Facts of one machine as one process may use it; an unavailable fact is None."""

    cpu_model: str | None
    cpu_revision: str | None
    """Family, model and stepping, which distinguish processors with the same marketing name."""
    cpu_features: str | None
    """The instruction sets that decide which kernels a runtime chooses."""
    architecture: str
    physical_cores: int | None
    logical_cores: int
    """Logical processors on which this process may run."""
    threads: int
    """Threads inside one operator."""
    memory_mib: int
    """Memory of the machine."""
    system: str
    """`Linux`, `Darwin` or `Windows`."""
    system_release: str
    python_version: str
    onnxruntime_version: str | None
    numpy_version: str | None
    onnx_version: str | None
    governor: str | None
    """The kernel's clock policy, as in `performance`."""
    boost: bool | None
    """Whether the clock may exceed its nominal rate."""
    frequency_min_mhz: int | None
    frequency_max_mhz: int | None
    virtualisation: str | None
    """What is known about the hypervisor; also None on bare metal."""
    container: str | None
    """Kind of container, as in `docker`."""
    cpu_limit_cores: float | None
    """Quota of the control group."""
    power_mode: str | None = None
    """Power mode of a Jetson, as in `MAXN`: its limits on cores, clocks and power."""
    accelerator: Accelerator | None = None
    """The measured GPU and the runtime on it; None if the processor is measured."""
    runtime_facts: dict[str, str] = dataclasses.field(default_factory=dict)
    """Version and settings of a runtime on the processor other than ONNX Runtime; empty for ONNX Runtime."""
    telemetry: str | None = None
    """Whether reports of dependencies are `off`; otherwise the variables by which the user left them on, as in
    `ORT_DISABLE_TELEMETRY=0`. None on Windows, and in records of earlier versions."""

    @property
    def environment_id(self) -> str:
        """Twelve hexadecimal digits, equal if latencies may be ranked against each other.

        On a GPU, its facts and its runtime's version count in addition to the processor's, which enqueues; with another
        runtime than ONNX Runtime, that one's facts count, and the version of ONNX Runtime that happens to be installed
        does not.
        """
        facts = [[name, getattr(self, name)] for name in _IDENTITY]
        if self.power_mode:
            facts.append(["power_mode", self.power_mode])
        if self.accelerator or self.runtime_facts:
            facts = [fact for fact in facts if fact[0] != "onnxruntime_version"]
        if self.runtime_facts:
            facts.append(["runtime", sorted(self.runtime_facts.items())])
        if self.accelerator:
            facts.append(["accelerator", self.accelerator.identity])
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]

    @property
    def device(self) -> str:
        """The measured device in words: `AMD EPYC 9554, 2 threads` or `NVIDIA L4, driver 550.54.14`."""
        if self.accelerator:
            return self.accelerator.gpu.device
        return f"{self.cpu_model or self.architecture}, {counted(self.threads, 'thread')}"

    def to_json(self) -> dict[str, Any]:
        """The facts as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Environment:
        """The facts read back."""
        accelerator = data.get("accelerator")
        return cls(**{**data, "accelerator": Accelerator.from_json(accelerator) if accelerator else None})


def collect(
    threads: int | None = None, accelerator: Accelerator | None = None, runtime_facts: dict[str, str] | None = None
) -> Environment:
    """The environment of this process when it measures with `threads`, by default `default_threads()`.

    Args:
        threads: threads inside one operator.
        accelerator: the GPU and its runtime, if a GPU is measured (`harness.machine.gpu.facts.accelerator`).
        runtime_facts: what a runtime on the processor says of itself (`Backend.environment_facts`).
    """
    linux = LinuxFacts(Path("/")) if sys.platform == "linux" else None
    jetson = jetson_facts() if linux else None
    return Environment(
        cpu_model=(linux.cpu_model() if linux else _cpu_model_elsewhere()) or platform.processor() or None,
        cpu_revision=linux.cpu_revision() if linux else None,
        cpu_features=linux.cpu_features() if linux else None,
        architecture=platform.machine(),
        physical_cores=physical_cores(),
        logical_cores=logical_cores(),
        threads=threads if threads is not None else default_threads(),
        memory_mib=memory_mib(),
        system=platform.system(),
        system_release=platform.release(),
        python_version=platform.python_version(),
        onnxruntime_version=package_version("onnxruntime"),
        numpy_version=package_version("numpy"),
        onnx_version=package_version("onnx"),
        governor=linux.governor() if linux else None,
        boost=linux.boost() if linux else None,
        frequency_min_mhz=linux.frequency_mhz("scaling_min_freq") if linux else None,
        frequency_max_mhz=linux.frequency_mhz("scaling_max_freq") if linux else None,
        virtualisation=linux.virtualisation() if linux else None,
        container=linux.container() if linux else None,
        cpu_limit_cores=linux.cpu_limit_cores() if linux else None,
        power_mode=jetson.power_mode if jetson else None,
        accelerator=accelerator,
        runtime_facts=runtime_facts or {},
        telemetry=privacy.telemetry(),
    )


def default_threads() -> int:
    """Number of physical cores, or fewer if affinity or a control group's quota allows fewer."""
    # Two logical processors of the same core, which a container often gets, are one core.
    limits = [logical_cores(), allowed_physical_cores() or logical_cores()]
    if sys.platform == "linux":
        quota_cores = LinuxFacts(Path("/")).cpu_limit_cores()
        if quota_cores is not None:
            limits.append(max(1, math.floor(quota_cores)))
    return min(limits)


def crowded_threads(environment: Environment) -> str:
    """A warning about more threads than can run at once; empty if all can."""
    threads, limit = environment.threads, environment.cpu_limit_cores
    if threads > environment.logical_cores:
        return f"{threads} threads on {environment.logical_cores} processors wait for each other; use fewer --threads"
    if limit is not None and threads > limit:
        return (
            f"{counted(threads, 'thread')} in a control group of {limit:g} cores: when the quota is spent, "
            "the kernel pauses an inference midway. Raise the quota (docker run --cpus)"
        )
    return ""


def _cpu_model_elsewhere() -> str | None:
    """The processor's name on macOS and Windows, where `platform.processor()` returns an architecture."""
    if sys.platform == "win32":
        import winreg

        key_path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key_path) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    if sys.platform == "darwin":
        import subprocess

        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return answer.stdout.strip() or None
    return None
