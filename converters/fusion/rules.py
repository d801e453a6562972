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
    backends: Mapping[str, str]
    """The backends that it is on for, each with the reason: what was measured, as latency over the native graph's."""


RULES = (
    Rule(
        "hard_swish",
        "`HardSwish` for `x * relu6(x + 3) / 6`",
        {"onnxruntime": "one pass over memory for four: with hard_sigmoid 0.61 to 0.92 (FBNet)"},
    ),
    Rule(
        "hard_sigmoid",
        "`HardSigmoid` for `relu6(x + 3) / 6`",
        {"onnxruntime": "one node for three, part of the convolution before: with two_means 0.82 to 0.93 (AlphaNet)"},
    ),
    Rule(
        "two_means",
        "`GlobalAveragePool` for a mean over one dimension of the image and then over the other",
        {"onnxruntime": "no pass over a transposed image: with both others 0.55 to 0.74 (OFA)"},
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


def rules_of(backend: str) -> tuple[Rule, ...]:
    """The rules that are on for a backend."""
    return tuple(rule for rule in RULES if backend in rule.backends)


def source_digest() -> str:
    """Digest of what the rules do: this package's text, apart from this table of where they are on."""
    files = (file for file in resources.files("converters.fusion").iterdir() if file.name.endswith(".py"))
    return json_sha256({file.name: file.read_text("utf-8") for file in files if file.name != "rules.py"})
