"""Which rules there are, and which are on for which backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import resources

from foundation.digests import json_sha256


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule, as people read of it."""

    name: str
    """Name of its module in this package, and its word in provenance."""
    puts_back: str
    """What it writes, and in place of what."""
    on: Mapping[tuple[str, str], str]
    """The backends and precisions that it is on for, each with the reason: what was measured, as latency over the
    native graph's."""


_FP32 = ("onnxruntime", "fp32")
_FP16 = ("onnxruntime", "fp16")
_INT8 = ("onnxruntime", "int8")

_AS_FP32 = "computed in fp32 there"

RULES = (
    Rule(
        "hard_swish",
        "`HardSwish` for `x * relu6(x + 3) / 6`",
        {_FP32: "one pass over memory for four: with hard_sigmoid 0.46 to 0.92 (FBNet)", _FP16: _AS_FP32},
    ),
    Rule(
        "hard_sigmoid",
        "`HardSigmoid` for `relu6(x + 3) / 6`",
        {
            _FP32: "one node for three, part of the convolution before: with two_means 0.77 to 0.93 (AlphaNet)",
            _FP16: _AS_FP32,
        },
    ),
    Rule(
        "two_means",
        "`GlobalAveragePool` for a mean over one dimension of the image and then over the other",
        {
            _FP32: "no pass over a transposed image: with both others 0.49 to 0.74 (OFA)",
            _FP16: _AS_FP32,
            _INT8: "has an integer kernel, unlike ReduceMean: 0.91 to 0.96 (AlphaNet)",
        },
    ),
    Rule(
        "one_mean",
        "`GlobalAveragePool` for one mean over the image",
        {_INT8: "has an integer kernel, unlike ReduceMean: 0.79 to 0.98 (EfficientNet, RegNetY, FBNet)"},
    ),
    Rule(
        "reciprocal",
        "`Mul` with the reciprocal for `Div` by a number",
        {_INT8: "has an integer kernel, unlike Div: with two_means 0.76 to 0.92 (OFA)"},
    ),
)
"""All rules, in the order in which they are applied: a hard swish contains a hard sigmoid."""

OFF = {
    "pytorch": "runs the network itself, not its graph",
    "tensorflow": "runs the network itself, not its graph",
    "openvino": "fuses a hard swish that is written out itself: 0.97 to 1.03",
    "onnxruntime-cuda": "not measured, and an operator without a kernel there would run on the processor",
    "onnxruntime-tensorrt": "not measured",
    "tensorrt": "not measured",
    "tensorrt-rtx": "not measured",
}
"""Why no rule is on for the other backends, whose fused graph is the exporter's."""


def rules_of(backend: str, precision: str) -> tuple[Rule, ...]:
    """The rules that are on for a graph that a backend will run in a precision."""
    return tuple(rule for rule in RULES if (backend, precision) in rule.on)


def source_digest() -> str:
    """Digest of what the rules do: this package's text, apart from this table of where they are on."""
    files = (file for file in resources.files("converters.fusion").iterdir() if file.name.endswith(".py"))
    return json_sha256({file.name: file.read_text("utf-8") for file in files if file.name != "rules.py"})
