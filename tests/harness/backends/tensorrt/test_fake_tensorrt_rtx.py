"""The fake plays TensorRT-RTX where a GPU is needed; tests/fakes compares the rest with the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.tensorrt import RTX, TensorRtScript, make_module

OTHER_RTX = b"\x01\x07\x00\x00"


class Machine:
    """A machine with TensorRT-RTX and a GPU of some compute capability."""

    def __init__(self, capability: tuple[int, int] = (8, 6), **scripted: Any) -> None:
        driver = FakeCudaDriver(compute_capability=capability, name="NVIDIA Fake RTX")
        self.script = TensorRtScript(version=RTX, driver=driver, **scripted)
        self.trt = trt = make_module(self.script)

        class Logger(trt.ILogger):
            def __init__(self) -> None:
                trt.ILogger.__init__(self)
                self.said = ""

            def log(self, severity: Any, msg: str) -> None:
                self.said += f"{severity.name} {msg}\n"

        self.logger = Logger()
        self.runtime = trt.Runtime(self.logger)

    def build(self, path: Path, *capabilities: str) -> bytes:
        builder = self.trt.Builder(self.logger)
        network, config = builder.create_network(), builder.create_builder_config()
        assert self.trt.OnnxParser(network, self.logger).parse_from_file(str(path))
        config.num_compute_capabilities = len(capabilities)
        for index, name in enumerate(capabilities):
            assert config.set_compute_capability(getattr(self.trt.ComputeCapability, name), index)
        return bytes(builder.build_serialized_network(network, config))

    def validity(self, plan: bytes) -> tuple[str, set[str]]:
        validity, bits = self.runtime.get_engine_validity(plan[: self.runtime.engine_header_size])
        known = self.trt.EngineInvalidityDiagnostics.__members__.items()
        return validity.name, {name for name, member in known if bits & int(member)}

    def infer(self, context: Any, engine: Any) -> None:
        driver = self.script.driver
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            nbytes = 4 * int(np.prod(list(engine.get_tensor_shape(name))))
            assert context.set_tensor_address(name, driver.allocate(nbytes))
        stream = driver.stream()
        assert context.execute_async_v3(stream)
        driver.synchronise(stream)


def test_an_engine_loads_on_every_gpu_from_8_0(write_model: Callable[..., Path]) -> None:
    plan = Machine(has_driver=False).build(write_model())
    for capability in ((8, 0), (8, 6), (8, 9), (12, 0)):
        machine = Machine(capability)
        assert machine.validity(plan) == ("VALID", set())
        assert machine.runtime.deserialize_cuda_engine(plan) is not None
    old = Machine((7, 5))
    assert old.validity(plan) == ("INVALID", {"UNSUPPORTED_CC"})
    assert old.runtime.deserialize_cuda_engine(plan) is None
    assert "compute capability" in old.logger.said


@pytest.mark.parametrize(
    ("targets", "capability", "fits"),
    [
        (("SM75",), (7, 5), True),
        (("SM86",), (8, 6), True),
        (("SM86",), (8, 9), False),
        (("SM86", "SM120"), (12, 0), True),
        (("CURRENT",), (8, 6), True),
        (("CURRENT",), (8, 9), False),
    ],
)
def test_a_narrowed_engine_loads_where_it_is_for(
    write_network: Callable[..., Path], targets: tuple[str, ...], capability: tuple[int, int], fits: bool
) -> None:
    plan = Machine((8, 6)).build(write_network(), *targets)
    machine = Machine(capability)
    assert (machine.validity(plan)[0] == "VALID") is fits
    assert (machine.runtime.deserialize_cuda_engine(plan) is not None) is fits


def test_the_head_tells_another_version_damage_and_what_is_scripted(write_model: Callable[..., Path]) -> None:
    machine = Machine()
    plan = machine.build(write_model())
    version = bytes(int(number) for number in RTX.split("."))
    other = plan.replace(version, OTHER_RTX, 1)
    assert machine.validity(other) == ("INVALID", {"VERSION_MISMATCH"})
    assert machine.validity(b"x" * 64) == ("INVALID", {"MALFORMED_ENGINE"})
    assert machine.validity(plan[:63]) == ("INVALID", {"MALFORMED_ENGINE"})
    old_driver = Machine(diagnostics=frozenset({"OLD_CUDA_DRIVER"}))
    assert old_driver.validity(other) == ("INVALID", {"VERSION_MISMATCH", "OLD_CUDA_DRIVER"})


@pytest.mark.parametrize("compiles_at", ["context", "first_inference"])
def test_kernels_are_compiled_once_for_each_context_without_a_cache(
    write_model: Callable[..., Path], compiles_at: Any
) -> None:
    machine = Machine(compiles_at=compiles_at)
    engine = machine.runtime.deserialize_cuda_engine(machine.build(write_model()))
    context = engine.create_execution_context()
    assert machine.script.compilations == (compiles_at == "context")
    machine.infer(context, engine)
    machine.infer(context, engine)
    assert machine.script.compilations == 1
    machine.infer(engine.create_execution_context(), engine)
    assert machine.script.compilations == 2


@pytest.mark.parametrize("compiles_at", ["context", "first_inference"])
def test_a_runtime_cache_saves_the_compilation_on_the_same_gpu(
    write_model: Callable[..., Path], compiles_at: Any
) -> None:
    plan = Machine().build(write_model())

    def run(machine: Machine, stored: bytes) -> bytes:
        engine = machine.runtime.deserialize_cuda_engine(plan)
        config = engine.create_runtime_config()
        cache = config.create_runtime_cache()
        assert config.get_runtime_cache() is None
        assert not stored or cache.deserialize(stored)
        assert config.set_runtime_cache(cache)
        assert config.get_runtime_cache() is cache
        machine.infer(engine.create_execution_context(config), engine)
        return bytes(cache.serialize())

    first, again, other = Machine(compiles_at=compiles_at), Machine(compiles_at=compiles_at), Machine((8, 9))
    stored = run(first, b"")
    assert first.script.compilations == 1
    assert run(again, stored) == stored
    assert again.script.compilations == 0
    assert len(run(other, stored)) > len(stored)
    assert other.script.compilations == 1


def test_a_cache_that_was_reset_or_taken_away_saves_nothing(write_model: Callable[..., Path]) -> None:
    machine = Machine()
    engine = machine.runtime.deserialize_cuda_engine(machine.build(write_model()))
    config = engine.create_runtime_config()
    cache = config.create_runtime_cache()
    config.set_runtime_cache(cache)
    engine.create_execution_context(config)
    engine.create_execution_context(runtime_config=config)
    assert machine.script.compilations == 1
    assert cache.reset()
    engine.create_execution_context(config)
    assert machine.script.compilations == 2
    config.set_runtime_cache(None)
    engine.create_execution_context(config)
    assert machine.script.compilations == 3


def test_rubbish_is_no_runtime_cache(write_model: Callable[..., Path]) -> None:
    machine = Machine()
    config = machine.runtime.deserialize_cuda_engine(machine.build(write_model())).create_runtime_config()
    cache = config.create_runtime_cache()
    for content in (b"", b"rubbish", b"[]", b'{"version": "1.0.0.0", "kernels": []}'):
        assert not cache.deserialize(content)
    assert "runtime cache cannot be read" in machine.logger.said


def test_graphs_are_off_until_asked_for(write_model: Callable[..., Path]) -> None:
    machine = Machine()
    config = machine.runtime.deserialize_cuda_engine(machine.build(write_model())).create_runtime_config()
    strategies = machine.trt.CudaGraphStrategy
    assert config.cuda_graph_strategy == strategies.DISABLED
    config.cuda_graph_strategy = strategies.WHOLE_GRAPH_CAPTURE
    assert config.cuda_graph_strategy == strategies.WHOLE_GRAPH_CAPTURE
    with pytest.raises(TypeError):
        config.cuda_graph_strategy = 1


def test_the_module_is_another(write_model: Callable[..., Path]) -> None:
    assert Machine().trt.__name__ == "tensorrt_rtx"
    eleven = TensorRtScript(version="11.4.0.106", has_driver=False)
    assert not hasattr(make_module(eleven), "ComputeCapability")


def test_what_the_real_process_does_not_survive_is_an_error(write_model: Callable[..., Path]) -> None:
    machine = Machine()
    builder = machine.trt.Builder(machine.logger)
    parser = machine.trt.OnnxParser(builder.create_network(), machine.logger)
    with pytest.raises(AssertionError, match="network that was freed"):
        parser.parse_from_file(str(write_model()))
    network = builder.create_network()
    first = machine.trt.OnnxParser(network, machine.logger)
    with pytest.raises(AssertionError, match="had two parsers"):
        machine.trt.OnnxParser(network, machine.logger)
    del first
    cache = builder.create_builder_config().create_timing_cache(b"")
    with pytest.raises(AssertionError, match="with itself"):
        cache.combine(cache, False)
