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
    """The backends that it is on for, each with what was measured."""


RULES = (
    Rule(
        "hard_swish",
        "HardSwish for x * relu6(x + 3) / 6",
        {"onnxruntime": "one pass over memory for four: 0.56 to 0.89 of the native graph's latency on FBNet and OFA"},
    ),
    Rule(
        "hard_sigmoid",
        "HardSigmoid for relu6(x + 3) / 6",
        {"onnxruntime": "one node for three, which becomes part of the convolution before it"},
    ),
)
"""All rules, in the order in which they are applied: a hard swish contains a hard sigmoid."""


def rules_of(backend: str) -> tuple[Rule, ...]:
    """The rules that are on for a backend; none where nothing was measured, or nothing gained."""
    return tuple(rule for rule in RULES if backend in rule.backends)


def source_digest() -> str:
    """Digest of what the rules do: this package's text, apart from this table of where they are on."""
    files = (file for file in resources.files("converters.fusion").iterdir() if file.name.endswith(".py"))
    return json_sha256({file.name: file.read_text("utf-8") for file in files if file.name != "rules.py"})
