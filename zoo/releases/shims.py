"""Modules that an old release imports and today's libraries no longer have, supplied in the isolated process alone.

A shim stands in only if the module is missing: an installed one is used. Nothing that a network computes
with is ever replaced.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


@dataclasses.dataclass(frozen=True)
class Shim:
    """A module that may be missing."""

    module: str
    """Its dotted name."""
    needed_by: str
    """The file of the release that imports it."""
    because: str
    contents: Callable[[], Mapping[str, Any]]
    """The contents of the stand-in."""


@dataclasses.dataclass(frozen=True)
class MovedName:
    """A name that a module no longer has."""

    module: str
    name: str
    now_in: str
    """The module that has it now."""
    needed_by: str
    because: str


def _unused(name: str, purpose: str) -> type:
    """A class that can be named and instantiated, and refuses to do anything."""

    def refuse(_self: Any, attribute: str) -> Any:
        raise RuntimeError(f"{name}.{attribute} was used, which {purpose}; only a stand-in is here")

    return type(name, (), {"__init__": lambda _self, *_arguments, **_options: None, "__getattr__": refuse})


def _resource_filename(package: str, resource: str) -> str:
    """Path of a resource beside a module or in a package, as `pkg_resources` gave it."""
    file = sys.modules[package].__file__
    assert file is not None
    return str(Path(file).parent / resource)


def _pkg_resources() -> dict[str, Any]:
    return {"resource_filename": _resource_filename}


def _iopath() -> dict[str, Any]:
    purpose = "only opens remote files"
    return {name: _unused(name, purpose) for name in ("HTTPURLHandler", "PathManager")}


def _iopath_factory() -> dict[str, Any]:
    manager = SimpleNamespace(open=open)
    return {"PathManagerFactory": SimpleNamespace(get=lambda: manager)}


def _registry() -> dict[str, Any]:
    """A registry that keeps nothing: what is registered in it stays as it is."""
    return {"Registry": lambda _name: SimpleNamespace(register=lambda: lambda registered: registered)}


def _submitit() -> dict[str, Any]:
    job = _unused("submitit.helpers.Checkpointable", "only sends training to a cluster")
    return {"helpers": SimpleNamespace(Checkpointable=job)}


def _tabulate() -> dict[str, Any]:
    def tabulate(rows: Any, *_arguments: Any, **_options: Any) -> str:
        return "\n".join(str(row) for row in rows)

    return {"tabulate": tabulate}


SHIMS: dict[str, tuple[Shim, ...]] = {
    "fbnet": (
        Shim(
            "pkg_resources",
            "mobile_cv/model_zoo/models/utils.py",
            "setuptools has dropped it; it names the folder of the model infos",
            _pkg_resources,
        ),
        Shim(
            "iopath.common.file_io",
            "mobile_cv/common/utils_io.py",
            "a package of its own that downloads checkpoints, which nothing here does",
            _iopath,
        ),
        Shim(
            "tabulate",
            "mobile_cv/common/misc/registry.py",
            "a package of its own that prints a registry",
            _tabulate,
        ),
        Shim(
            "cloudpickle",
            "mobile_cv/common/misc/py.py",
            "a package of its own that sends functions to other processes",
            dict,
        ),
    ),
    "regnet": (
        Shim(
            "iopath.common.file_io",
            "pycls/core/io.py",
            "a package of its own that opens remote files too; here it opens a configuration",
            _iopath_factory,
        ),
        Shim(
            "submitit",
            "pycls/core/distributed.py",
            "a package of its own that sends training to a cluster",
            _submitit,
        ),
    ),
    "resnest": (
        Shim(
            "fvcore.common.registry",
            "resnest/torch/models/build.py",
            "a package of its own; it keeps the networks by name, which nothing here looks up",
            _registry,
        ),
    ),
}
"""By source."""

MOVED: dict[str, tuple[MovedName, ...]] = {
    "fbnet": (
        MovedName(
            "collections",
            "Mapping",
            "collections.abc",
            "mobile_cv/arch/utils/helper.py",
            "Python 3.10 has dropped it; the commit of 2021 asks whether a value is one",
        ),
    ),
}
"""By source."""


def _is_there(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _put(name: str, contents: Mapping[str, Any]) -> None:
    """Puts a module into this process, with the packages that its dotted name goes through."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        path = ".".join(parts[:depth])
        if path not in sys.modules:
            module = ModuleType(path, "A stand-in of zoo.releases.shims.")
            # Code that checks whether the module is there looks at this.
            module.__spec__ = ModuleSpec(path, None, is_package=depth < len(parts))
            if depth < len(parts):
                module.__path__ = []
            sys.modules[path] = module
            if depth > 1:
                setattr(sys.modules[".".join(parts[: depth - 1])], parts[depth - 1], module)
    vars(sys.modules[name]).update(contents)


def install(source: str) -> list[str]:
    """Puts the shims of a source into this process.

    Returns:
        The modules that were missing, and the names that modules lacked.
    """
    missing = [shim for shim in SHIMS.get(source, ()) if not _is_there(shim.module)]
    for shim in missing:
        _put(shim.module, shim.contents())
    lacking = [
        moved for moved in MOVED.get(source, ()) if not hasattr(importlib.import_module(moved.module), moved.name)
    ]
    for moved in lacking:
        value = getattr(importlib.import_module(moved.now_in), moved.name)
        setattr(importlib.import_module(moved.module), moved.name, value)
    return [shim.module for shim in missing] + [f"{moved.module}.{moved.name}" for moved in lacking]
