"""The ranges of pyproject.toml and the pins of constraints.txt: what installs together, and what is excluded."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
}


def installed_together() -> list[list[Requirement]]:
    """The requirements of the project alone, and with each of its extras."""
    own = [Requirement(text) for text in PROJECT["dependencies"]]
    extras = [[Requirement(text) for text in extra] for extra in PROJECT["optional-dependencies"].values()]
    return [own, *([*own, *extra] for extra in extras)]


def requirements() -> list[Requirement]:
    return [one for group in installed_together() for one in group if canonicalize_name(one.name) != PROJECT["name"]]


@pytest.mark.parametrize("requirement", sorted(set(requirements()), key=str), ids=str)
def test_the_pinned_version_is_in_range(requirement: Requirement) -> None:
    if requirement.marker is None or requirement.marker.evaluate():
        assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


@pytest.mark.parametrize(
    ("name", "version"),
    [
        # A float16 product that takes hundreds of times as long as one in float32.
        ("onnxruntime", "1.29.0"),
        # Unpicklers without restrictions.
        ("timm", "1.0.27"),
        # Requires protobuf 3, TensorFlow from 2.20 on a later one.
        ("tf2onnx", "1.16.1"),
    ],
)
def test_a_version_with_a_known_fault_is_refused(name: str, version: str) -> None:
    groups = [[one for one in group if canonicalize_name(one.name) == name] for group in installed_together()]
    named = [group for group in groups if group]
    assert named
    assert [group for group in named if all(one.specifier.contains(version) for one in group)] == []


def test_quantising_needs_a_later_runtime_than_measuring() -> None:
    of_precision = [Requirement(text) for text in PROJECT["optional-dependencies"]["precision"]]
    (runtime,) = [one for one in of_precision if one.name == "onnxruntime"]
    assert not runtime.specifier.contains("1.18.1")
    (measuring,) = [one for one in map(Requirement, PROJECT["dependencies"]) if one.name == "onnxruntime"]
    assert measuring.specifier.contains("1.17.0")


def test_the_pins_install_on_every_python_from_3_11_on() -> None:
    """Debian 12 has 3.11.2, and README.md says 3.11."""
    refused = {}
    for name, version in PINS.items():
        try:
            found = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        wanted = found.get("Requires-Python")
        if found["Version"] == version and wanted:
            accepts = Requirement(f"python{wanted}").specifier
            refused |= {f"{name} {python}": wanted for python in ("3.11.0", "3.12.0") if not accepts.contains(python)}
    assert refused == {}


def test_every_python_that_the_project_names_is_one_it_accepts() -> None:
    accepts = Requirement(f"python{PROJECT['requires-python']}").specifier
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: Python :: 3\.", one)]
    assert named
    assert all(accepts.contains(Version(one)) for one in named)
