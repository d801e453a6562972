"""The properties that an inference is compiled with, and whether OpenVINO kept them.

It changes requests that it cannot carry out without a word: more threads than there are cores become fewer, and a
precision that the processor lacks becomes float32. So every property is read back from the compiled network.
"""

from __future__ import annotations

from typing import Any

from harness.errors import UnsupportedError
from harness.machine.processor import allowed_physical_cores

DEVICE = "CPU"
"""Never AUTO, which chooses by itself and may change its choice after the first inferences."""


HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "f32"}
"""What is computed in, by precision; INT8 follows from the graph, and this is what remains of it."""

CAPABILITIES = {"fp16": "FP16", "bf16": "BF16"}
"""OpenVINO's words for what a processor must have, or else it is emulated, or float32 computed instead."""

ARITHMETIC = ("FP32", "FP16", "BF16", "INT8")
"""Those of its words that are precisions."""


def properties(threads: int, precision: str) -> dict[str, Any]:
    """The properties that a network is compiled with, for one inference after another on this many threads.

    Threads are not pinned: pinned ones get into the way of every other program that pins, and keep the other network of
    a trial from the cores. `ACCURACY` and the precision exclude bfloat16 and float16 unless they are asked for:
    OpenVINO computes float32 networks in them by default where the processor has them.
    """
    physical = allowed_physical_cores()
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "EXECUTION_MODE_HINT": "ACCURACY",
        "ENABLE_CPU_PINNING": False,
        "ENABLE_HYPER_THREADING": physical is not None and threads > physical,
        "SCHEDULING_CORE_TYPE": "ANY_CORE",
    }


def facts() -> dict[str, str]:
    """The properties that are the same for every network and machine, as the environment records them."""
    return {name: text(value) for name, value in properties(1, "fp32").items() if name not in _VARYING}


_VARYING = ("INFERENCE_NUM_THREADS", "ENABLE_HYPER_THREADING", "INFERENCE_PRECISION_HINT")


def check(compiled: Any, wanted: dict[str, Any]) -> None:
    """Checks that a compiled network has the properties that it was asked to have.

    Raises:
        UnsupportedError: OpenVINO changed one of them.
    """
    changed = []
    for name, value in wanted.items():
        found = compiled.get_property(name)
        if text(found) != text(value):
            changed.append(f"{name} {text(value)} became {text(found)}")
    devices = list(compiled.get_property("EXECUTION_DEVICES"))
    if devices != [DEVICE]:
        changed.append(f"device {DEVICE} became {', '.join(devices)}")
    if changed:
        raise UnsupportedError(
            f"OpenVINO changed what was asked of it: {'; '.join(changed)}. "
            "Ask for no more --threads than there are cores, or use another version of OpenVINO."
        )


def text(value: Any) -> str:
    """One spelling for a property as it is set and as it is read: `f32`, `LATENCY`, `ANY_CORE`, `False`."""
    spelt = value.get_type_name() if hasattr(value, "get_type_name") else str(value)
    return spelt.rpartition(".")[2]
