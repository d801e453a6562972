"""A network definition and the parser that reads one from an ONNX file."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto

from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of

# TensorRT's layer for an operator; the type of any other layer does not matter.
_LAYERS = {
    "Conv": "CONVOLUTION",
    "Gemm": "MATRIX_MULTIPLY",
    "MatMul": "MATRIX_MULTIPLY",
    "QuantizeLinear": "QUANTIZE",
    "DequantizeLinear": "DEQUANTIZE",
    "Relu": "ACTIVATION",
}
_DTYPES = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.FLOAT16: "HALF",
    TensorProto.INT8: "INT8",
    TensorProto.UINT8: "UINT8",
    TensorProto.INT32: "INT32",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.BOOL: "BOOL",
}


class ITensor(Behaviour):
    _name: str
    _dtype: Any
    _shape: Any

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> Any:
        return self._dtype

    @property
    def shape(self) -> Any:
        return self._shape


class ILayer(Behaviour):
    _node: onnx.NodeProto
    _outputs: list[Any]
    _type: Any

    @property
    def name(self) -> str:
        return self._node.name

    @property
    def type(self) -> Any:
        return self._type

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_output(self, index: int) -> Any:
        return self._outputs[index]


class INetworkDefinition(Behaviour):
    _flags: int
    _inputs: list[Any]
    _layers: list[Any]
    _model: onnx.ModelProto | None
    _name: str = ""

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def get_input(self, index: int) -> Any:
        return self._inputs[index]

    def get_layer(self, index: int) -> Any:
        return self._layers[index]


class ParserError(Behaviour):
    _operator: str
    _node: int
    _node_name: str
    _text: str

    def desc(self) -> str:
        return self._text

    def node(self) -> int:
        return self._node

    def node_operator(self) -> str:
        return self._operator

    def node_name(self) -> str:
        return self._node_name


def make_parser(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `OnnxParser`."""

    class OnnxParser(Behaviour):
        def __init__(self, network: Any, logger: Any) -> None:
            self._network, self._logger, self._errors = network, logger, []

        @property
        def num_errors(self) -> int:
            return len(self._errors)

        def get_error(self, index: int) -> Any:
            return self._errors[index]

        def supports_operator(self, op_name: str) -> bool:
            return op_name not in script.unsupported

        def parse_from_file(self, model: str) -> bool:
            flags = types["NetworkDefinitionCreationFlag"]
            if script.major == 8 and not self._network._flags & 1 << int(flags.EXPLICIT_BATCH):
                return self._refuse("This version of the ONNX parser only supports networks with an explicit batch.")
            loaded = onnx.shape_inference.infer_shapes(onnx.load(model))
            unknown = [
                (index, node) for index, node in enumerate(loaded.graph.node) if node.op_type in script.unsupported
            ]
            for index, node in unknown[: 1 if script.major == 8 else None]:
                self._refuse(f"No importer registered for op: {node.op_type}.", index, node)
            for text in script.parser_errors:
                self._refuse(text)
            if self._errors:
                return False
            fill_network(self._network, loaded, types)
            return True

        def _refuse(self, text: str, index: int = 0, node: onnx.NodeProto | None = None) -> bool:
            node = node or onnx.NodeProto()
            state = {"_text": text, "_node": index, "_operator": node.op_type, "_node_name": node.name}
            self._errors.append(instance_of(types["ParserError"], **state))
            self._logger.log(types["ILogger.Severity"].ERROR, f"ModelImporter.cpp: {text}")
            return False

    return OnnxParser


def fill_network(network: Any, model: onnx.ModelProto, types: dict[str, Any]) -> None:
    """Inputs and layers of the model, as the parser adds them."""
    graph = model.graph
    known = {value.name: value for value in (*graph.input, *graph.output, *graph.value_info)}
    weights = {weight.name for weight in graph.initializer}

    def tensor(name: str) -> Any:
        kind = known[name].type.tensor_type if name in known else onnx.TypeProto.Tensor(elem_type=TensorProto.FLOAT)
        shape = [size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim]
        dtype = types["DataType"].__members__[_DTYPES.get(kind.elem_type, "INT32")]
        return instance_of(types["ITensor"], _name=name, _dtype=dtype, _shape=types["Dims"](shape))

    layer_types = types["LayerType"].__members__
    network._model = model
    network._inputs = [tensor(value.name) for value in graph.input if value.name not in weights]
    network._layers = [
        instance_of(
            types["ILayer"],
            _node=node,
            _type=layer_types[_LAYERS.get(node.op_type, "ELEMENTWISE")],
            _outputs=[tensor(name) for name in node.output],
        )
        for node in graph.node
    ]
