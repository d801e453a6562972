"""The fake TensorRT beside a real one: the same calls have the same outcome.

The real one is TensorRT-RTX, which builds on any machine; engines it loads only where there is a driver. What is
asserted was first seen in the real module; where only TensorRT-RTX can be asked, TensorRT 11 is left out.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.fakes.tensorrt import RTX, TensorRtScript, make_module
from tests.fakes.tensorrt.surface import interface

REAL = "tensorrt_rtx"
IS_INSTALLED = importlib.util.find_spec(REAL) is not None
MIB = 1 << 20
NO_PLUGIN = 'creator && "Plugin not found, are the plugin name, version, and namespace correct?"'
PROBLEMS = ("WARNING", "ERROR", "INTERNAL_ERROR")

only_where_installed = pytest.mark.skipif(not IS_INSTALLED, reason=f"{REAL} is not installed")


def has_driver() -> bool:
    """Whether the real module would find a CUDA driver."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


class Subject:
    """A module, and everything that it logs."""

    def __init__(self, trt: Any) -> None:
        self.trt = trt
        self.logger = make_logger(trt)
        self.builder = trt.Builder(self.logger)

    @property
    def is_rtx(self) -> bool:
        return self.trt.__name__ == REAL

    def said(self) -> str:
        """The warnings and errors since the last call, a line each."""
        text = "\n".join(f"{name} {message}" for name, message in self.logger.lines if name in PROBLEMS)
        self.logger.lines.clear()
        return text

    def parse(self, path: Path | str, flags: int = 0, name: str = "") -> tuple[Any, Any, bool]:
        """Network, which must outlive the parser, parser, and whether parsing succeeded."""
        network = self.builder.create_network(flags)
        if name:
            network.name = name
        parser = self.trt.OnnxParser(network, self.logger)
        return network, parser, parser.parse_from_file(str(path))

    def build(self, network: Any, configure: Callable[[Any], object] = lambda config: None) -> bytes | None:
        config = self.builder.create_builder_config()
        configure(config)
        plan = self.builder.build_serialized_network(network, config)
        return None if plan is None else bytes(plan)


def make_logger(trt: Any) -> Any:
    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.lines: list[tuple[str, str]] = []

        def log(self, severity: Any, msg: str) -> None:
            self.lines.append((severity.name, msg))

    return Logger()


def fake_11() -> Any:
    return make_module(TensorRtScript(version="11.4.0.106"))


def fake_rtx() -> Any:
    return make_module(TensorRtScript(version=RTX, has_driver=False))


def real_rtx() -> Any:
    return importlib.import_module(REAL)


_REAL = pytest.param(real_rtx, id="real-rtx", marks=only_where_installed)
_RTX = [pytest.param(fake_rtx, id="fake-rtx"), _REAL]


def opened(make: Callable[[], Any]) -> Iterator[Subject]:
    # What survived of another test would keep that test's logger the process's; fakes share nothing.
    if make is real_rtx:
        gc.collect()
    yield Subject(make())


@pytest.fixture(params=[pytest.param(fake_11, id="fake-11"), *_RTX])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """TensorRT 11 and TensorRT-RTX."""
    yield from opened(request.param)


@pytest.fixture(params=_RTX)
def rtx(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """TensorRT-RTX."""
    yield from opened(request.param)


@pytest.fixture(params=_RTX)
def without_driver(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """TensorRT-RTX on a machine without a CUDA driver."""
    if request.param is real_rtx and has_driver():
        pytest.skip("this machine has a CUDA driver")
    yield from opened(request.param)


class Graphs:
    """ONNX files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._random = np.random.default_rng(0)

    def write(self, content: bytes) -> Path:
        path = self._folder / "graph.onnx"
        path.write_bytes(content)
        return path

    def chain(self, *operators: str, shape: tuple[Any, ...] = (1, 3), opset: int = 18, ir_version: int = 9) -> Path:
        """One node after another, named `node_0` and so on."""
        names = ["x", *(f"t{index}" for index in range(1, len(operators))), "y"]
        nodes = [
            helper.make_node(operator, [names[index]], [names[index + 1]], name=f"node_{index}")
            for index, operator in enumerate(operators)
        ]
        return self._save(nodes, shape, shape, [], opset, ir_version)

    def convolution(self, precision: str = "fp32") -> Path:
        return self.write(self.convolution_bytes(precision))

    def convolution_bytes(self, precision: str = "fp32") -> bytes:
        shapes: dict[str, tuple[int, ...]] = {"shape": (1, 3, 8, 8), "result": (1, 8, 6, 6)}
        kernel = self._random.standard_normal((8, 3, 3, 3)).astype(np.float16 if precision == "fp16" else np.float32)
        convolution = helper.make_node("Conv", ["x", "kernel"], ["y"], name="conv")
        if precision == "fp32":
            return self._model([convolution], **shapes, weights=[numpy_helper.from_array(kernel, "kernel")])
        if precision == "fp16":
            nodes = [
                helper.make_node("Cast", ["x"], ["xh"], name="to_half", to=TensorProto.FLOAT16),
                helper.make_node("Conv", ["xh", "kernel"], ["yh"], name="conv"),
                helper.make_node("Cast", ["yh"], ["y"], name="to_single", to=TensorProto.FLOAT),
            ]
            return self._model(nodes, **shapes, weights=[numpy_helper.from_array(kernel, "kernel")])
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="q"),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"], name="d"),
            helper.make_node("DequantizeLinear", ["kernel", "scale", "zero"], ["dk"], name="dk"),
            helper.make_node("Conv", ["d", "dk"], ["y"], name="conv"),
        ]
        weights = {"kernel": (kernel * 30).astype(np.int8), "scale": np.float32(0.05), "zero": np.int8(0)}
        tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
        return self._model(nodes, **shapes, weights=tensors)

    def matrix_product(self) -> Path:
        weights = [numpy_helper.from_array(self._random.standard_normal((64, 8)).astype(np.float32), "w")]
        node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
        return self.write(self._model([node], (1, 64), (1, 8), weights))

    def _save(self, nodes: list[Any], *what: Any) -> Path:
        return self.write(self._model(nodes, *what))

    @staticmethod
    def _model(
        nodes: list[Any],
        shape: tuple[Any, ...],
        result: tuple[Any, ...],
        weights: list[Any],
        opset: int = 18,
        ir_version: int = 9,
    ) -> bytes:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, result)]
        graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
        content: bytes = model.SerializeToString()
        return content


@pytest.fixture
def graphs(tmp_path: Path) -> Graphs:
    return Graphs(tmp_path)


# The interface.


@only_where_installed
def test_the_data_are_the_real_interface() -> None:
    trt, data = real_rtx(), interface(RTX)
    assert trt.__version__ == RTX
    for name, members in data["classes"].items():
        assert {member for member in members if not hasattr(look_up(trt, name), member)} == set(), name
    for name, values in data["values"].items():
        assert {member: int(value) for member, value in look_up(trt, name).__members__.items()} == values, name
        assert sorted(values) == data["enums"][name]


@only_where_installed
def test_the_data_are_the_operators_that_the_real_parser_lacks() -> None:
    trt = real_rtx()
    logger = make_logger(trt)
    network = trt.Builder(logger).create_network(0)
    parser = trt.OnnxParser(network, logger)
    lacking = {operator for operator in interface(RTX)["unsupported_operators"] if parser.supports_operator(operator)}
    assert lacking == set()


def look_up(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def test_a_member_is_no_integer_but_converts_to_one(subject: Subject) -> None:
    flag = subject.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
    assert flag != int(flag)
    assert int(flag) == flag.value == flag.__index__()
    assert type(flag)(int(flag)) == flag
    assert {flag: 1}[type(flag)(int(flag))] == 1
    assert repr(flag) == f"<NetworkDefinitionCreationFlag.STRONGLY_TYPED: {int(flag)}>"
    with pytest.raises(TypeError):
        _ = 1 << flag
    if subject.is_rtx:
        # The fake's numbers of version 11 are not the real ones.
        assert subject.builder.create_network(flag) is not None


def test_precisions_are_no_flags(subject: Subject) -> None:
    assert not {"FP16", "INT8", "BF16"} & set(subject.trt.BuilderFlag.__members__)


def test_wrong_arguments_are_type_errors(subject: Subject) -> None:
    trt, builder = subject.trt, subject.builder
    config, network = builder.create_builder_config(), builder.create_network()
    parser, runtime = trt.OnnxParser(network, subject.logger), trt.Runtime(subject.logger)
    workspace = trt.MemoryPoolType.WORKSPACE
    for call in (
        lambda: trt.Builder(),
        lambda: trt.Builder("no logger"),
        lambda: trt.Builder(None),
        lambda: trt.OnnxParser(subject.logger, network),
        lambda: trt.ICudaEngine(),
        lambda: builder.create_network("0"),
        lambda: builder.create_network(flag=0),
        lambda: builder.create_network(0, 0),
        lambda: builder.create_network(-1),
        lambda: builder.create_network(1.0),
        lambda: config.set_flag(1),
        lambda: config.set_flag(trt.DataType.HALF),
        lambda: config.set_tactic_sources(1.5),
        lambda: config.set_tactic_sources(-1),
        lambda: config.set_memory_pool_limit(workspace),
        lambda: config.set_memory_pool_limit(workspace, -1),
        lambda: config.set_memory_pool_limit(workspace, 1e6),
        lambda: config.create_timing_cache("text"),
        lambda: config.create_timing_cache(None),
        lambda: config.set_timing_cache(None, False),
        lambda: setattr(config, "profiling_verbosity", 2),
        lambda: setattr(network, "name", 5),
        lambda: parser.parse_from_file(Path("graph.onnx")),
        lambda: parser.supports_operator(3),
        lambda: runtime.deserialize_cuda_engine("text"),
        lambda: runtime.deserialize_cuda_engine(None),
        lambda: trt.init_libnvinfer_plugins("no logger", ""),
    ):
        with pytest.raises(TypeError):
            call()
    assert subject.said() == ""


def test_wrong_arguments_of_rtx_are_type_errors(rtx: Subject) -> None:
    trt, config = rtx.trt, rtx.builder.create_builder_config()
    config.num_compute_capabilities = 1
    for call in (
        lambda: config.set_compute_capability(86, 0),
        lambda: config.set_compute_capability(0, trt.ComputeCapability.SM86),
        lambda: trt.Runtime(rtx.logger).get_engine_validity("text"),
        lambda: trt.IRuntimeConfig(),
        lambda: trt.IRuntimeCache(),
    ):
        with pytest.raises(TypeError):
            call()


def test_unknown_and_constant_attributes_cannot_be_set(subject: Subject) -> None:
    with pytest.raises(AttributeError, match="max_workspace"):
        subject.builder.create_builder_config().max_workspace = 1
    network = subject.builder.create_network()
    for name in ("num_layers", "flags"):
        with pytest.raises(AttributeError):
            setattr(network, name, 1)


def test_numpy_integers_and_paths_in_bytes_are_accepted(subject: Subject, graphs: Graphs) -> None:
    config = subject.builder.create_builder_config()
    config.set_memory_pool_limit(subject.trt.MemoryPoolType.WORKSPACE, np.int64(MIB))
    assert config.get_memory_pool_limit(subject.trt.MemoryPoolType.WORKSPACE) == MIB
    network = subject.builder.create_network()
    parser = subject.trt.OnnxParser(network, subject.logger)
    assert parser.parse_from_file(str(graphs.chain("Relu")).encode())


# Networks and the parser.


def test_every_network_is_strongly_typed(subject: Subject, graphs: Graphs) -> None:
    flag = subject.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
    if subject.is_rtx:
        assert int(flag) == 0
    for flags in (0, 1 << int(flag)):
        network, _, succeeded = subject.parse(graphs.chain("Relu"), flags)
        assert succeeded
        assert network.get_flag(flag)
        assert network.flags == 1 << int(flag)


def test_an_unknown_flag_makes_no_network(subject: Subject) -> None:
    assert subject.builder.create_network(1 << 20) is None
    assert "createNetworkV2: Error Code 3: API Usage Error" in subject.said()


def test_networks_are_numbered_until_named(subject: Subject) -> None:
    first, second = subject.builder.create_network(), subject.builder.create_network()
    word, number = first.name.rsplit(" ", 1)
    assert word == "Unnamed Network"
    assert second.name == f"{word} {int(number) + 1}"
    first.name = "seven"
    assert first.name == "seven"
    first.name = "x" * 5000
    assert first.name == "seven"
    assert "exceeds the limit (4096 characters)" in subject.said()


def test_what_a_network_does_not_have_is_none(subject: Subject) -> None:
    network = subject.builder.create_network()
    parser = subject.trt.OnnxParser(network, subject.logger)
    assert (network.num_inputs, network.num_layers, network.num_outputs, len(network)) == (0, 0, 0, 0)
    for call in (network.get_layer, network.get_input, network.get_output, parser.get_error):
        assert call(0) is None
        assert subject.said().startswith("ERROR")


def test_an_unknown_operator_is_named(subject: Subject, graphs: Graphs) -> None:
    network, parser, succeeded = subject.parse(graphs.chain("Stranger"))
    assert not succeeded
    (error,) = errors_of(parser)
    assert error == (0, "Stranger", "node_0", "INVALID_NODE", NO_PLUGIN)
    assert (network.num_inputs, network.num_layers, network.num_outputs) == (1, 0, 0)
    said = subject.said()
    assert 'While parsing node number 0 [Stranger -> "y"]' in said
    assert NO_PLUGIN in said


def test_all_unknown_operators_are_named_and_the_known_added(subject: Subject, graphs: Graphs) -> None:
    network, parser, succeeded = subject.parse(graphs.chain("Relu", "Stranger", "Relu", "Alien", "Relu"))
    assert not succeeded
    assert [error[:3] for error in errors_of(parser)] == [(1, "Stranger", "node_1"), (3, "Alien", "node_3")]
    assert [network.get_layer(index).name for index in range(network.num_layers)] == ["node_0"]
    subject.said()
    assert subject.build(network) is None
    assert "Network must have at least one output" in subject.said()


def errors_of(parser: Any) -> list[tuple[int, str, str, str, str]]:
    errors = (parser.get_error(index) for index in range(parser.num_errors))
    return [(one.node(), one.node_operator(), one.node_name(), one.code().name, one.desc()) for one in errors]


def test_operators_are_known_by_name(subject: Subject) -> None:
    network = subject.builder.create_network()
    parser = subject.trt.OnnxParser(network, subject.logger)
    for operator in ("Conv", "Celu", "HardSwish", "Swish", "Softsign", "InstanceNormalization", "LayerNormalization"):
        assert parser.supports_operator(operator), operator
    for operator in ("Stranger", "", "QLinearAdd", "conv"):
        assert not parser.supports_operator(operator), operator


def test_rtx_lacks_some_of_onnx_operators(rtx: Subject) -> None:
    network = rtx.builder.create_network()
    parser = rtx.trt.OnnxParser(network, rtx.logger)
    for operator in ("Det", "Compress", "StringNormalizer", "QLinearConv", "ConvInteger"):
        assert not parser.supports_operator(operator), operator


def test_a_broken_file_is_an_error_of_the_parser(subject: Subject, graphs: Graphs) -> None:
    content = graphs.convolution_bytes()
    for broken in (content[:200], content[:-1], b"\xff" * 100):
        network, parser, succeeded = subject.parse(graphs.write(broken))
        assert not succeeded
        ((node, operator, name, code, text),) = errors_of(parser)
        assert (node, operator, name, code) == (-1, "", "", "MODEL_DESERIALIZE_FAILED")
        assert text.endswith("Failed to parse the ONNX model.")
        assert (network.num_inputs, network.num_layers) == (0, 0)
        assert "Failed to parse the ONNX model" in subject.said()


@pytest.mark.parametrize("content", [b"", b"This is a readme.\n" * 20, b"\0" * 100], ids=["empty", "text", "zeros"])
def test_a_file_without_a_model_is_an_empty_network(subject: Subject, graphs: Graphs, content: bytes) -> None:
    network, parser, succeeded = subject.parse(graphs.write(content))
    assert succeeded
    assert parser.num_errors == 0
    assert (network.num_inputs, network.num_layers, network.num_outputs) == (0, 0, 0)
    assert subject.said() == ""
    assert subject.build(network) is None
    assert "Network must have at least one output" in subject.said()


def test_a_missing_file_is_an_error_of_the_parser(subject: Subject, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.onnx", tmp_path):
        _, parser, succeeded = subject.parse(path)
        assert not succeeded
        ((node, operator, name, code, text),) = errors_of(parser)
        assert (node, operator, name, code) == (-1, "", "", "INVALID_VALUE")
        assert text.endswith(f"Input file cannot be found, or is not a regular file: {path}")
        assert text in subject.said()


def test_missing_weights_are_an_error_of_the_parser(subject: Subject, graphs: Graphs, tmp_path: Path) -> None:
    path = tmp_path / "apart.onnx"
    model = onnx.load(graphs.convolution())
    onnx.save_model(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    (tmp_path / "weights").unlink()
    _, parser, succeeded = subject.parse(path)
    assert not succeeded
    ((node, _, _, code, text),) = errors_of(parser)
    assert (node, code) == (-1, "INVALID_GRAPH")
    assert text.startswith("Failed to import initializer")


def test_a_parser_parses_once(subject: Subject, graphs: Graphs) -> None:
    path = graphs.chain("Relu")
    network, parser, _ = subject.parse(path)
    assert not parser.parse_from_file(str(path))
    assert errors_of(parser)[-1][3:] == (
        "MODEL_DESERIALIZE_FAILED",
        "Assertion failed: model->ByteSizeLong() == 0: A model was previously parsed!",
    )
    assert network.num_layers == 1


@pytest.mark.parametrize("version", [{"opset": 26}, {"opset": 99}, {"ir_version": 14}, {"ir_version": 20}])
def test_newer_onnx_is_not_refused(subject: Subject, graphs: Graphs, version: dict[str, int]) -> None:
    network, _, succeeded = subject.parse(graphs.chain("Relu", **version))
    assert succeeded
    assert subject.said() == ""
    assert subject.build(network) is not None


def test_a_dynamic_input_is_minus_one_and_not_built(subject: Subject, graphs: Graphs) -> None:
    network, _, succeeded = subject.parse(graphs.chain("Relu", shape=("N", 3)))
    assert succeeded
    tensor = network.get_input(0)
    assert (tensor.name, tuple(tensor.shape), tensor.dtype.name) == ("x", (-1, 3), "FLOAT")
    assert subject.said() == ""
    assert subject.build(network) is None
    assert "no optimization profile has been defined" in subject.said()


def test_an_fp16_graph_has_fp16_layers(subject: Subject, graphs: Graphs) -> None:
    network, _, _ = subject.parse(graphs.convolution("fp16"))
    assert layers_of(network) == [
        ("to_half", "CAST", "HALF"),
        ("conv", "CONVOLUTION", "HALF"),
        ("to_single", "CAST", "FLOAT"),
    ]
    assert subject.build(network) is not None


def test_an_int8_graph_has_quantised_layers(subject: Subject, graphs: Graphs) -> None:
    network, _, _ = subject.parse(graphs.convolution("int8"))
    # The real parser adds a layer for each constant too.
    assert [layer for layer in layers_of(network) if layer[1] != "CONSTANT"] == [
        ("q", "QUANTIZE", "INT8"),
        ("d", "DEQUANTIZE", "FLOAT"),
        ("dk", "DEQUANTIZE", "FLOAT"),
        ("conv", "CONVOLUTION", "FLOAT"),
    ]
    assert subject.build(network) is not None


def layers_of(network: Any) -> list[tuple[str, str, str]]:
    layers = (network.get_layer(index) for index in range(network.num_layers))
    return [(layer.name, layer.type.name, layer.get_output(0).dtype.name) for layer in layers]


# Building.


def test_an_empty_network_is_not_built(subject: Subject) -> None:
    assert subject.build(subject.builder.create_network()) is None
    assert "Error Code 4: API Usage Error (Network must have at least one output" in subject.said()


def test_a_good_build_says_nothing_above_information(subject: Subject, graphs: Graphs) -> None:
    network, _, _ = subject.parse(graphs.convolution())
    assert subject.build(network) is not None
    assert subject.said() == ""


def test_tf32_is_on_until_cleared(subject: Subject) -> None:
    config, flag = subject.builder.create_builder_config(), subject.trt.BuilderFlag.TF32
    assert config.flags == 1 << int(flag)
    assert config.get_flag(flag)
    config.clear_flag(flag)
    assert not config.get_flag(flag)
    assert config.flags == 0


def test_verbosity_is_names_until_set(subject: Subject) -> None:
    config, verbosities = subject.builder.create_builder_config(), subject.trt.ProfilingVerbosity
    assert config.profiling_verbosity == verbosities.LAYER_NAMES_ONLY
    config.profiling_verbosity = verbosities.DETAILED
    assert config.profiling_verbosity == verbosities.DETAILED


def test_all_tactic_sources_are_on_and_any_are_accepted(subject: Subject, graphs: Graphs) -> None:
    config, sources = subject.builder.create_builder_config(), subject.trt.TacticSource.__members__
    assert config.get_tactic_sources() == sum(1 << int(source) for source in sources.values())
    for chosen in (0, 1 << int(sources["JIT_CONVOLUTIONS"]), 31):
        assert config.set_tactic_sources(chosen)
        assert config.get_tactic_sources() == chosen
    network, _, _ = subject.parse(graphs.chain("Relu"))
    assert subject.build(network, lambda config: config.set_tactic_sources(0)) is not None
    assert subject.said() == ""


def test_a_workspace_of_nothing_builds_nothing(rtx: Subject, graphs: Graphs) -> None:
    network, _, _ = rtx.parse(graphs.chain("Relu"))
    assert rtx.build(network, workspace(rtx, 0)) is None
    assert "Please increase the workspace memory provided to the builder" in rtx.said()


def test_a_small_workspace_is_enough_for_a_product_but_not_for_a_convolution(rtx: Subject, graphs: Graphs) -> None:
    network, _, _ = rtx.parse(graphs.matrix_product())
    assert rtx.build(network, workspace(rtx, 1)) is not None
    network, _, _ = rtx.parse(graphs.convolution())
    assert rtx.said() == ""
    assert rtx.build(network, workspace(rtx, 1 * MIB)) is None
    said = rtx.said()
    assert "no tactics to implement the operation within workspace limit" in said
    assert "Consider increase the allowed workspace size if applicable" in said
    assert rtx.build(network, workspace(rtx, 16 * MIB)) is not None


def test_the_workspace_is_large_by_default_and_any_is_accepted(subject: Subject) -> None:
    config, pool = subject.builder.create_builder_config(), subject.trt.MemoryPoolType.WORKSPACE
    assert config.get_memory_pool_limit(pool) >= 1024 * MIB
    for size_bytes in (0, 1, 1 << 50):
        config.set_memory_pool_limit(pool, size_bytes)
        assert config.get_memory_pool_limit(pool) == size_bytes


def workspace(subject: Subject, size_bytes: int) -> Callable[[Any], object]:
    return lambda config: config.set_memory_pool_limit(subject.trt.MemoryPoolType.WORKSPACE, size_bytes)


def test_a_failed_build_leaves_the_builder_usable_and_no_memory_behind(rtx: Subject, graphs: Graphs) -> None:
    path = graphs.convolution()

    def fail() -> None:
        network, _, _ = rtx.parse(path)
        assert rtx.build(network, workspace(rtx, MIB)) is None

    for _ in range(3):
        fail()
    before_bytes = psutil.Process().memory_info().rss
    for _ in range(30):
        fail()
    assert psutil.Process().memory_info().rss - before_bytes < 20 * MIB
    network, _, _ = rtx.parse(path)
    assert rtx.build(network) is not None


def test_two_builds_differ_in_the_number_of_the_unnamed_network_alone(rtx: Subject, graphs: Graphs) -> None:
    path = graphs.convolution()
    # Equally long numbers.
    while len(rtx.builder.create_network().name) < len("Unnamed Network 10"):
        pass
    first, second = (rtx.build(rtx.parse(path)[0]) for _ in range(2))
    assert first is not None
    assert second is not None
    assert sum(one != other for one, other in zip(first, second, strict=True)) == 1
    assert b"Unnamed Network " in first
    first, second = (rtx.build(rtx.parse(path, name="net")[0]) for _ in range(2))
    assert first == second


def test_flags_and_verbosity_change_an_engine(rtx: Subject, graphs: Graphs) -> None:
    network, _, _ = rtx.parse(graphs.convolution(), name="net")
    trt = rtx.trt
    plain = rtx.build(network)
    assert plain == rtx.build(network)
    assert plain != rtx.build(network, lambda config: config.clear_flag(trt.BuilderFlag.TF32))
    detailed = trt.ProfilingVerbosity.DETAILED
    assert plain != rtx.build(network, lambda config: setattr(config, "profiling_verbosity", detailed))


# The timing cache of TensorRT-RTX.


def test_timing_cache_calls_of_rtx_are_deprecated(rtx: Subject, graphs: Graphs) -> None:
    config = rtx.builder.create_builder_config()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The real one never returns from combining a cache with itself.
        cache, other = config.create_timing_cache(b""), config.create_timing_cache(b"")
    for call in (
        lambda: config.get_timing_cache(),
        lambda: config.set_timing_cache(cache, False),
        lambda: cache.serialize(),
        lambda: cache.combine(other, False),
        lambda: cache.reset(),
    ):
        with pytest.warns(DeprecationWarning, match="Timing cache operations are no-ops in TensorRT-RTX"):
            call()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_timing_caches_of_rtx_hold_nothing(rtx: Subject, graphs: Graphs) -> None:
    network, _, _ = rtx.parse(graphs.convolution())
    config = rtx.builder.create_builder_config()
    assert config.get_timing_cache() is None
    cache = config.create_timing_cache(b"")
    before = bytes(cache.serialize())
    assert config.set_timing_cache(cache, False)
    assert config.get_timing_cache() is cache
    assert rtx.builder.build_serialized_network(network, config) is not None
    assert bytes(cache.serialize()) == before
    assert cache.combine(config.create_timing_cache(b""), False)
    assert rtx.said() == ""


def test_rubbish_is_an_empty_timing_cache_of_rtx(rtx: Subject) -> None:
    config = rtx.builder.create_builder_config()
    assert config.create_timing_cache(b"rubbish" * 10) is not None
    assert "WARNING Failed to deserialize timing cache. Returning an empty timing cache." in rtx.said()


# Loggers.


def test_a_second_logger_is_called_ignored_but_used_by_its_own_objects(subject: Subject) -> None:
    trt, second = subject.trt, make_logger(subject.trt)
    builder, runtime = trt.Builder(second), trt.Runtime(second)
    (first_line, second_line) = second.lines
    assert first_line[0] == second_line[0] == "WARNING"
    assert "logger passed into createInferBuilder differs from one already registered" in first_line[1]
    assert "the current new logger is ignored" in first_line[1]
    assert "logger passed into createInferRuntime differs from one already registered" in second_line[1]
    second.lines.clear()
    assert builder.build_serialized_network(builder.create_network(), builder.create_builder_config()) is None
    assert runtime.deserialize_cuda_engine(b"x" * 100) is None
    assert len([message for name, message in second.lines if name == "ERROR"]) >= 2
    assert subject.said() == ""
    assert subject.build(subject.builder.create_network()) is None
    assert subject.said() != ""


def test_the_first_logger_stays_registered_while_any_object_lives(subject: Subject) -> None:
    trt, first, second = subject.trt, subject.logger, make_logger(subject.trt)
    kept = trt.Builder(second)
    subject.builder = None
    gc.collect()
    second.lines.clear()
    again = trt.Builder(second)
    assert len(second.lines) == 1
    back = trt.Builder(first)
    assert subject.said() == ""
    del kept, again, back


def test_another_logger_is_accepted_once_nothing_of_the_first_lives(subject: Subject) -> None:
    network = subject.builder.create_network()
    third = make_logger(subject.trt)
    subject.builder = None
    gc.collect()
    subject.trt.Runtime(third)
    assert len(third.lines) == 1, "the network keeps its builder"
    del network
    gc.collect()
    third.lines.clear()
    subject.trt.Runtime(third)
    assert third.lines == []


def test_a_logger_must_call_its_base(subject: Subject) -> None:
    class Silent(subject.trt.ILogger):
        def __init__(self) -> None:
            pass

    with pytest.raises(TypeError, match="must be called"):
        subject.trt.Runtime(Silent())


# Compute capabilities of TensorRT-RTX.


def test_an_engine_is_for_all_capabilities_until_narrowed(rtx: Subject, graphs: Graphs) -> None:
    assert rtx.builder.create_builder_config().num_compute_capabilities == 0
    network, _, _ = rtx.parse(graphs.convolution(), name="net")
    plans = {names: rtx.build(network, targets(rtx, *names)) for names in ((), ("SM75",), ("SM86",), ("SM86", "SM120"))}
    assert None not in plans.values()
    heads = {plan[: header_bytes(rtx)] for plan in plans.values() if plan is not None}
    assert len(heads) == len(plans)
    assert rtx.build(network, targets(rtx, "SM86", "SM86")) is not None
    assert rtx.said() == ""


def targets(subject: Subject, *names: str) -> Callable[[Any], None]:
    def set_all(config: Any) -> None:
        config.num_compute_capabilities = len(names)
        for index, name in enumerate(names):
            capability = subject.trt.ComputeCapability.__members__[name]
            assert config.set_compute_capability(capability, index)
            assert config.get_compute_capability(index) == capability

    return set_all


def header_bytes(subject: Subject) -> int:
    size = subject.trt.Runtime(subject.logger).engine_header_size
    assert size == 64
    return int(size)


def test_the_number_of_capabilities_keeps_those_that_are_set(rtx: Subject) -> None:
    config, capabilities = rtx.builder.create_builder_config(), rtx.trt.ComputeCapability
    targets(rtx, "SM86", "SM89")(config)
    config.num_compute_capabilities = 1
    config.num_compute_capabilities = 2
    assert [config.get_compute_capability(index) for index in range(2)] == [capabilities.SM86, capabilities.NONE]
    with pytest.raises(ValueError, match="Provided number of compute capabilities is incorrect"):
        config.num_compute_capabilities = -1
    assert "must be non-negative" in rtx.said()
    assert config.num_compute_capabilities == 2


@pytest.mark.parametrize(
    ("count", "name", "index"),
    [(1, "NONE", 0), (2, "CURRENT", 0), (1, "SM86", 3), (1, "SM86", -1), (0, "SM86", 0)],
)
def test_a_capability_that_is_refused(rtx: Subject, count: int, name: str, index: int) -> None:
    config = rtx.builder.create_builder_config()
    config.num_compute_capabilities = count
    assert not config.set_compute_capability(rtx.trt.ComputeCapability.__members__[name], index)
    assert "setComputeCapability: Error Code 3: API Usage Error (Parameter check failed" in rtx.said()


def test_a_capability_out_of_range_is_none(rtx: Subject) -> None:
    config = rtx.builder.create_builder_config()
    for index in (0, -1):
        assert config.get_compute_capability(index) == rtx.trt.ComputeCapability.NONE
        assert "Index of compute capability is not in a valid range" in rtx.said()


def test_nothing_is_built_while_a_capability_is_not_set(rtx: Subject, graphs: Graphs) -> None:
    network, _, _ = rtx.parse(graphs.chain("Relu"))

    def one_of_two(config: Any) -> None:
        config.num_compute_capabilities = 2
        assert config.set_compute_capability(rtx.trt.ComputeCapability.SM86, 0)

    assert rtx.build(network, one_of_two) is None
    assert rtx.said() == "ERROR Unexpected exception bad optional access"


def test_the_current_capability_needs_a_driver(without_driver: Subject, graphs: Graphs) -> None:
    network, _, _ = without_driver.parse(graphs.chain("Relu"))
    assert without_driver.build(network, targets(without_driver, "CURRENT")) is None
    assert "generateForCurrent" in (said := without_driver.said())
    assert "cudaError 35: CUDA driver version is insufficient for CUDA runtime version" in said


# Engines without a driver.


def test_without_a_driver_a_whole_engine_is_invalid_without_a_diagnosis(
    without_driver: Subject, graphs: Graphs
) -> None:
    plan, runtime = built(without_driver, graphs)
    for content in (plan, plan[:64], memoryview(plan), bytearray(plan), plan[:-1], plan + b"x"):
        validity, diagnostics = runtime.get_engine_validity(content)
        assert validity == without_driver.trt.EngineValidity.INVALID
        assert diagnostics == 0
        assert "INTERNAL_ERROR Error reading CUDA GPU properties" in without_driver.said()


def test_without_a_driver_a_damaged_head_is_malformed(without_driver: Subject, graphs: Graphs) -> None:
    plan, runtime = built(without_driver, graphs)
    malformed = int(without_driver.trt.EngineInvalidityDiagnostics.MALFORMED_ENGINE)
    assert malformed == 32
    for content in (b"", b"x" * 64, plan[:63], bytes([plan[0] ^ 1]) + plan[1:]):
        assert runtime.get_engine_validity(content) == (without_driver.trt.EngineValidity.INVALID, malformed)
        assert without_driver.said() == ""


def test_without_a_driver_no_engine_loads(without_driver: Subject, graphs: Graphs) -> None:
    plan, runtime = built(without_driver, graphs)
    for content, reason in (
        (plan, "cudaError 35: CUDA driver version is insufficient for CUDA runtime version"),
        (plan[:-1], "plan.header.size == blobSize failed"),
        (plan + b"x", "plan.header.size == blobSize failed"),
        (plan[:63], "Assertion bufferSize >= minBufferSize failed"),
        (b"x" * 100, "header.magicTag == kEXPECTED_MAGIC_TAG failed"),
        (b"", "Cannot deserialize with an empty memory buffer"),
    ):
        assert runtime.deserialize_cuda_engine(content) is None
        assert reason in without_driver.said().splitlines()[0]


def built(subject: Subject, graphs: Graphs) -> tuple[bytes, Any]:
    network, _, _ = subject.parse(graphs.convolution())
    plan = subject.build(network)
    assert plan is not None
    return plan, subject.trt.Runtime(subject.logger)
