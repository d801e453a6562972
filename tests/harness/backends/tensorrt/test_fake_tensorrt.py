"""The fake refuses what the real versions lack; without that, the other tests here would prove little."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.tensorrt import VERSIONS, TensorRtScript, make_module

OLD, TEN, ELEVEN = VERSIONS


class Log:
    def __init__(self, trt: Any) -> None:
        class Logger(trt.ILogger):
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, msg: str) -> None:
                self.said = getattr(self, "said", "") + f"{severity.name} {msg}\n"

        self.logger = Logger()


def module(version: str) -> tuple[Any, Any]:
    trt = make_module(TensorRtScript(version=version))
    return trt, Log(trt).logger


@pytest.mark.parametrize(
    ("version", "path"),
    [
        (OLD, "NetworkDefinitionCreationFlag.STRONGLY_TYPED"),
        (OLD, "ICudaEngine.device_memory_size_v2"),
        (OLD, "IBuilderConfig.builder_optimization_level"),
        (OLD, "ParserError.node_operator"),
        (OLD, "OnnxParser.set_flag"),
        (TEN, "ICudaEngine.get_binding_name"),
        (TEN, "PreviewFeature.DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805"),
        (TEN, "nptype"),
        (ELEVEN, "BuilderFlag.FP16"),
        (ELEVEN, "BuilderFlag.INT8"),
        (ELEVEN, "NetworkDefinitionCreationFlag.EXPLICIT_BATCH"),
        (ELEVEN, "TacticSource.CUDNN"),
        (ELEVEN, "ICudaEngine.device_memory_size"),
        (ELEVEN, "IBuilderConfig.int8_calibrator"),
        (ELEVEN, "Builder.platform_has_fast_fp16"),
    ],
)
def test_what_a_version_lacks_is_an_attribute_error(version: str, path: str) -> None:
    found, _ = module(version)
    *parents, last = path.split(".")
    for name in parents:
        found = getattr(found, name)
    with pytest.raises(AttributeError, match=last):
        getattr(found, last)


@pytest.mark.parametrize("version", VERSIONS)
def test_wrong_arguments_are_type_errors(version: str) -> None:
    trt, logger = module(version)
    builder = trt.Builder(logger)
    config = builder.create_builder_config()
    for call in (
        lambda: trt.Builder(),
        lambda: trt.Builder("no logger"),
        lambda: builder.create_network("0"),
        lambda: builder.create_network(flag=0),
        lambda: builder.create_network(0, 0),
        lambda: config.set_flag(1),
        lambda: config.set_flag(trt.DataType.HALF),
        lambda: config.set_tactic_sources(1.5),
        lambda: config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE),
        lambda: config.create_timing_cache("text"),
        lambda: trt.ICudaEngine(),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_attributes_cannot_be_set(version: str) -> None:
    trt, logger = module(version)
    config = trt.Builder(logger).create_builder_config()
    with pytest.raises(AttributeError, match="max_workspace"):
        config.max_workspace = 1


def test_a_logger_must_call_its_base() -> None:
    trt, _ = module(TEN)

    class Silent(trt.ILogger):
        def __init__(self) -> None:
            pass

    with pytest.raises(TypeError, match="must be called"):
        trt.Runtime(Silent())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_fake_does_not_implement_is_an_error(version: str) -> None:
    trt, logger = module(version)
    with pytest.raises(NotImplementedError, match=r"Builder\.reset"):
        trt.Builder(logger).reset()
    with pytest.raises(NotImplementedError, match=r"Builder\.max_threads"):
        _ = trt.Builder(logger).max_threads


def test_calls_in_the_wrong_order_fail_as_the_real_ones_do(write_model: Any) -> None:
    for version in VERSIONS:
        trt, logger = module(version)
        builder = trt.Builder(logger)
        config, network = builder.create_builder_config(), builder.create_network(flags(trt))
        assert builder.build_serialized_network(network, config) is None
        assert trt.OnnxParser(network, logger).parse_from_file(str(write_model()))
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        plan = bytes(builder.build_serialized_network(network, config))
        engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
        context = engine.create_execution_context()
        assert context.execute_async_v3(1) is False
        assert "address is not set" in logger.said
        assert context.set_tensor_address("nobody", 16) is False
        assert context.report_to_profiler() is False


def test_8_5_parses_explicit_batches_only(write_model: Any) -> None:
    trt, logger = module(OLD)
    network = trt.Builder(logger).create_network()
    assert not trt.OnnxParser(network, logger).parse_from_file(str(write_model()))
    assert "explicit batch" in logger.said


def test_a_strongly_typed_network_takes_no_precision_flags(write_model: Any) -> None:
    trt, logger = module(TEN)
    builder = trt.Builder(logger)
    network, config = builder.create_network(flags(trt)), builder.create_builder_config()
    assert trt.OnnxParser(network, logger).parse_from_file(str(write_model(precision="fp16")))
    config.set_flag(trt.BuilderFlag.FP16)
    assert builder.build_serialized_network(network, config) is None
    assert "strongly typed" in logger.said


def test_engines_load_with_their_own_version_and_gpu_only(write_model: Any) -> None:
    trt, logger = module(TEN)
    builder = trt.Builder(logger)
    network = builder.create_network(flags(trt))
    trt.OnnxParser(network, logger).parse_from_file(str(write_model()))
    plan = bytes(builder.build_serialized_network(network, builder.create_builder_config()))
    other, other_logger = module(ELEVEN)
    assert other.Runtime(other_logger).deserialize_cuda_engine(plan) is None
    assert "Version tag" in other_logger.said
    script = TensorRtScript(version=TEN)
    script.driver.compute_capability = (8, 0)
    elsewhere = make_module(script)
    assert elsewhere.Runtime(Log(elsewhere).logger).deserialize_cuda_engine(plan) is None


def flags(trt: Any) -> int:
    kind = trt.NetworkDefinitionCreationFlag
    return 1 << int(kind.EXPLICIT_BATCH if trt.__version__.startswith("8.") else kind.STRONGLY_TYPED)
