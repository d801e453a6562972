"""The module itself."""

from __future__ import annotations

import importlib.machinery
import types as python_types
from collections.abc import Iterator
from typing import Any

from tests.fakes.tensorrt import builder, config, just_in_time, network, parser, runtime, timing_cache
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, OpenBehaviour, guard, interface, make_enum


class Dims(Behaviour):
    def __init__(self, shape: Any = ()) -> None:
        self._sizes = tuple(shape)

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, arg0: Any) -> Any:
        return self._sizes[arg0]

    def __iter__(self) -> Iterator[int]:
        # In the real one too, Python derives an iterator from `__getitem__`.
        return iter(self._sizes)


class Extendable(OpenBehaviour):
    """`ILogger` and `IProfiler`, whose methods the user implements."""


def make_module(script: TensorRtScript) -> Any:
    """TensorRT of the script's version, as a module."""
    data = interface(script.version)
    types: dict[str, Any] = {
        name: make_enum(name.split(".")[-1], members, data.get("values", {}).get(name))
        for name, members in data["enums"].items()
    }
    levels = {**types["ILogger.Severity"].__members__, "Severity": types["ILogger.Severity"]}
    behaviours: dict[str, type] = {
        "Dims": Dims,
        "ILogger": Extendable,
        "IProfiler": Extendable,
        "ITensor": network.ITensor,
        "ILayer": network.ILayer,
        "INetworkDefinition": network.make_network(script, types),
        "ParserError": parser.ParserError,
        "OnnxParser": parser.make_parser(script, types),
        "IHostMemory": builder.IHostMemory,
        "ITimingCache": timing_cache.RtxTimingCache if script.rtx else timing_cache.TensorRtTimingCache,
        "IBuilderConfig": config.make_config(script, types),
        "Builder": builder.make_builder(script, types),
        "Runtime": runtime.make_runtime(script, types),
        "ICudaEngine": runtime.make_engine(script, types),
        "EngineInspector": runtime.EngineInspector,
        "IExecutionContext": runtime.make_context(script, types),
    }
    if script.rtx:
        behaviours["IRuntimeConfig"] = just_in_time.make_runtime_config(script, types)
        behaviours["IRuntimeCache"] = just_in_time.make_runtime_cache(script, types)
    for name, behaviour in behaviours.items():
        constants = levels if name == "ILogger" else {}
        types[name] = guard(name, behaviour, script.version, types, script.calls, constants)

    def register_plugins(logger: Any, namespace: str) -> bool:
        if not isinstance(logger, types["ILogger"]) and not (script.newest and logger is None):
            raise TypeError("init_libnvinfer_plugins(): incompatible function arguments")
        script.plugins_registered = True
        return True

    name = "tensorrt_rtx" if script.rtx else "tensorrt"
    module = python_types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    vars(module)["__version__"] = script.version
    for name, kind in types.items():
        if "." not in name:
            setattr(module, name, kind)
    if "init_libnvinfer_plugins" in data["functions"]:
        vars(module)["init_libnvinfer_plugins"] = register_plugins
    return module
