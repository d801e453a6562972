"""The measured device: a runtime on this machine, after checks for other users of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from harness import backends
from harness.backends.backend import Backend
from harness.machine.device_lock import DeviceLock
from harness.machine.environment import Environment, collect, crowded_threads
from harness.machine.gpu.exclusive import refuse_shared
from harness.machine.gpu.facts import accelerator
from harness.machine.gpu.settings import GpuSettings


@dataclasses.dataclass(frozen=True)
class Device:
    """A runtime that can run here, with the facts on which its latencies depend."""

    backend: Backend
    gpu: GpuSettings
    environment: Environment
    lock: DeviceLock
    """Held while something is timed on it."""

    @classmethod
    def open(
        cls,
        backend: str,
        gpu: GpuSettings,
        threads: int | None,
        *,
        exclusive: bool,
        wait: bool,
        say: Callable[[str], None],
    ) -> Device:
        """Checks that the runtime can measure here, and prints what would disturb it.

        Args:
            backend: name of the runtime.
            gpu: which GPU and how; ignored by runtimes on the processor.
            threads: threads of an inference; None means `default_threads`.
            exclusive: whether to refuse a GPU that others use.
            wait: whether to wait for other measurements on it, rather than refuse to measure beside them.
            say: prints a line for the user.

        Raises:
            HarnessError: the runtime cannot run here or cannot build for the requested GPUs, or others use a GPU that
                was requested for exclusive use.
        """
        runtime = backends.usable(backend)
        if gpu.capabilities:
            runtime.check_capabilities(gpu.capabilities)
        if runtime.on_gpu and (caution := refuse_shared(gpu.device, exclusive=exclusive)):
            say(f"warning: {caution}")
        environment = environment_of(runtime, gpu, threads)
        if not runtime.on_gpu and (caution := crowded_threads(environment)):
            say(f"warning: {caution}")
        return cls(runtime, gpu, environment, DeviceLock.of(environment, wait=wait, say=say))

    @property
    def threads(self) -> int:
        """Threads of an inference."""
        return self.environment.threads


def environment_of(backend: Backend, gpu: GpuSettings, threads: int | None) -> Environment:
    """The environment of a runtime's latencies, including the GPU if the runtime uses one.

    Raises:
        NoGpuError: there is no such GPU.
    """
    gpu_facts = accelerator(gpu, backend.runtime()) if backend.on_gpu else None
    return collect(threads, gpu_facts, dict(backend.environment_facts()))
