"""Differences of TensorRT for RTX from TensorRT 11: it builds without a GPU, for the GPUs that are named.

Sources: NVIDIA's documentation of TensorRT for RTX (CPU-only AOT and TensorRT-RTX Engines; Porting Guide for TensorRT
Applications; release notes 1.1 and 1.2), and the binding module of 1.7.1.116.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from harness.backends.tensorrt.dialect import Dialect, Limits
from harness.errors import HarnessError

# Members of `ComputeCapability` that name no GPU.
_NO_GPU = ("NONE", "CURRENT")


@dataclasses.dataclass(frozen=True)
class RtxDialect(Dialect):
    """The interface of TensorRT for RTX 1.x; `trt` is always its module."""

    library: ClassVar[str] = "TensorRT-RTX"
    compiles_when_loaded: ClassVar[bool] = True

    @classmethod
    def of(cls, trt: Any) -> RtxDialect:
        """Returns the dialect of the installed module."""
        return cls(str(trt.__version__))

    @property
    def strongly_typed(self) -> bool:
        """The graph alone determines the types of the computation."""
        return True

    @property
    def limits(self) -> Limits | None:
        """None: its parser refuses what it does not know, by operator; it accepts any number of a version."""
        return None

    def network_flags(self, trt: Any) -> int:
        """Returns the argument of `Builder.create_network`."""
        return 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)

    def set_capabilities(self, trt: Any, config: Any, capabilities: tuple[str, ...]) -> None:
        """Builds the engine for these GPUs; without any, for 8.0, 8.6, 8.9, 12.0 and later, which is its default."""
        if not capabilities:
            return
        check_capabilities(trt, self, capabilities)
        config.num_compute_capabilities = len(capabilities)
        for index, name in enumerate(capabilities):
            if not config.set_compute_capability(trt.ComputeCapability.__members__[name.upper()], index):
                raise HarnessError(f"{self.name} refused the compute capability {name}. Leave it out of --for.")

    def context_memory_mib(self, engine: Any) -> float:
        """Returns the device memory of one execution context."""
        return Dialect("11.0").context_memory_mib(engine)


def known_capabilities(trt: Any) -> list[str]:
    """The GPUs for which the library can build, as in `sm86`."""
    names = [name.lower() for name in trt.ComputeCapability.__members__ if name not in _NO_GPU]
    return sorted(names, key=lambda name: int(name.removeprefix("sm")))


def check_capabilities(trt: Any, dialect: Dialect, capabilities: tuple[str, ...]) -> None:
    """Refuses GPUs for which the library cannot build.

    Raises:
        HarnessError: it cannot; the message lists those for which it can.
    """
    known = known_capabilities(trt)
    strangers = [name for name in capabilities if name not in known]
    if strangers:
        raise HarnessError(
            f"--for {','.join(strangers)}: {dialect.name} does not know this compute capability; it knows "
            f"{', '.join(known)}. Without --for an engine runs on 8.0, 8.6, 8.9, 12.0 and later."
        )
