"""What is public in each package: what its `__all__` lists, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from types import ModuleType

import pytest

PUBLIC = {
    "foundation": [],
    "zoo": ["ModelCard", "UnknownModelError", "ZooError", "card", "cards", "list_models", "load"],
    "converters": [
        "Artifact",
        "ArtifactStore",
        "ConversionError",
        "PrecisionOptions",
        "VerificationError",
        "convert",
    ],
    "harness": ["HarnessError", "RunsComparison", "compare", "evaluate", "results", "run"],
    "reports": [],
}
_EVERYWHERE = {"annotations", "TYPE_CHECKING"}


@pytest.fixture(params=sorted(PUBLIC))
def package(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def test_the_public_names_are_these(package: ModuleType) -> None:
    assert package.__all__ == PUBLIC[package.__name__]
    assert package.__all__ == sorted(package.__all__)


def test_every_public_name_is_there_and_documented(package: ModuleType) -> None:
    undocumented = [name for name in package.__all__ if not inspect.getdoc(getattr(package, name))]
    assert undocumented == []
    assert set(package.__all__) <= set(dir(package))


def test_nothing_else_is_public(package: ModuleType) -> None:
    """Submodules aside: importing one makes it an attribute of its package."""
    leaks = [
        name
        for name, member in vars(package).items()
        if not name.startswith("_") and not inspect.ismodule(member) and name not in _EVERYWHERE | set(package.__all__)
    ]
    assert leaks == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'measure'"):
        importlib.import_module("harness").measure  # noqa: B018


def test_importing_the_harness_costs_a_trial_nothing() -> None:
    code = "import sys, harness; print({'pandas', 'numpy', 'onnxruntime', 'harness.api'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
