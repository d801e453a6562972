"""From an artifact to rows of comparable measurements.

import harness
rows = harness.run("regnet/RegNetX-200MF", rounds=3)
comparison = harness.compare("base", "new")

docs/python.md shows more. Public names are loaded when first used: the measuring processes import this package too,
and what they import is part of every trial.
"""

from __future__ import annotations

import importlib
import typing

from foundation import privacy

if typing.TYPE_CHECKING:
    from harness.api import compare, evaluate, results, run
    from harness.comparison.verdict import RunsComparison
    from harness.errors import HarnessError

privacy.switch_off()

__all__ = ["HarnessError", "RunsComparison", "compare", "evaluate", "results", "run"]

_MODULES = {"HarnessError": "harness.errors", "RunsComparison": "harness.comparison.verdict"}
"""The module that defines a public name, if not `harness.api`."""


def __getattr__(name: str) -> typing.Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES.get(name, "harness.api")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
