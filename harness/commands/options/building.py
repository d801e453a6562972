"""How engines are built."""

from __future__ import annotations

import argparse
import dataclasses

from harness.commands.options.types import capabilities, count, duration_s
from harness.machine.gpu.settings import GpuSettings


@dataclasses.dataclass(frozen=True)
class BuildOptions:
    """For which GPU engines are built, and how long a build may take."""

    device: int
    workspace_mib: int | None
    capabilities: tuple[str, ...]
    """GPUs that engines are built for; empty if the user left it open."""
    build_timeout_s: float
    """Time limit of building one engine."""

    @staticmethod
    def add(group: argparse._ArgumentGroup) -> None:
        """Adds --device, --for, --workspace and --build-timeout to a group."""
        group.add_argument(
            "--device", type=int, default=GpuSettings.device, metavar="N", help="which GPU (%(default)s)"
        )
        group.add_argument(
            "--for",
            dest="capabilities",
            type=capabilities,
            default=(),
            metavar="CAPABILITIES",
            help="GPUs that engines of tensorrt-rtx are built for, as in sm86,sm89,sm120 (8.0, 8.6, 8.9, 12.0 and "
            "later; of `run --artifacts`, those of the engines there)",
        )
        group.add_argument(
            "--workspace", type=count, metavar="MIB", help="limit of a kernel's scratch memory (all there is)"
        )
        group.add_argument(
            "--build-timeout",
            type=duration_s,
            default=1800.0,
            metavar="TIME",
            help="time limit of building one engine (30m)",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> BuildOptions:
        """The record of parsed arguments."""
        return cls(arguments.device, arguments.workspace, arguments.capabilities, arguments.build_timeout)

    def settings(self) -> GpuSettings:
        """The settings of the GPU."""
        return GpuSettings(device=self.device, workspace_mib=self.workspace_mib, capabilities=self.capabilities)
