"""Which versions of ONNX's file format an ONNX Runtime reads; it has no list of them, so it is tried."""

from __future__ import annotations

from harness.backends.onnxruntime.small_networks import FLOAT32, SmallNode, small_network

_OLDEST = 3


def readable_ir_version(version: int) -> int:
    """The newest version up to the given one that the runtime accepts; the given one if it accepts none."""
    for candidate in range(version, _OLDEST - 1, -1):
        if _accepts(candidate):
            return candidate
    return version


def _accepts(version: int) -> bool:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(_network(version), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # Anything else that is wrong here would also be wrong with the older version.
        return "IR version" not in str(error)
    return True


def _network(version: int) -> bytes:
    """A network of one node."""
    return small_network(
        [SmallNode("Identity", ["x"], "y")], inputs={"x": FLOAT32}, output_type=FLOAT32, shape=(), ir_version=version
    )
