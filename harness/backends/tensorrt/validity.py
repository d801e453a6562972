"""TensorRT-RTX's verdict on an engine, from its head, before it is loaded.

The verdict needs a driver: without one the library calls every engine invalid and gives no reason. Source:
documentation of TensorRT for RTX, Engine Compatibility.
"""

from __future__ import annotations

import dataclasses
from typing import Any

_EXPLANATIONS = {
    "VERSION_MISMATCH": "it was built by another version",
    "UNSUPPORTED_CC": "it was not built for this GPU's compute capability",
    "OLD_CUDA_DRIVER": "the driver is older than the engine requires",
    "OLD_CUDA_RUNTIME": "the CUDA runtime is older than the engine requires",
    "INSUFFICIENT_GPU_MEMORY": "the GPU has too little memory",
    "MALFORMED_ENGINE": "the file is damaged, or no engine",
    "CUDA_ERROR": "the driver or the CUDA runtime is not installed correctly",
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether an engine runs here."""

    valid: bool
    suboptimal: bool
    """Whether it runs, but slower than one that is built for this GPU."""
    reasons: tuple[str, ...]
    """Why it is not valid, one clause each."""

    @property
    def why(self) -> str:
        """The reasons as the end of a sentence."""
        return " and ".join(self.reasons) or "the library gives no reason"


def verdict_on(trt: Any, runtime: Any, plan: bytes) -> Verdict:
    """Returns the verdict on a serialised engine; only its head is read, so its body may be damaged nevertheless."""
    validity, diagnostics = runtime.get_engine_validity(plan[: runtime.engine_header_size])
    # One bit each: the numbers of the members are the bits themselves.
    bits = {name: int(kind) for name, kind in trt.EngineInvalidityDiagnostics.__members__.items()}
    found = [name for name in sorted(bits, key=bits.__getitem__) if int(diagnostics) & bits[name]]
    return Verdict(
        valid=validity != trt.EngineValidity.INVALID,
        suboptimal=validity == trt.EngineValidity.SUBOPTIMAL,
        reasons=tuple(_EXPLANATIONS.get(name, name) for name in found),
    )
