"""A network definition, as the parser fills it."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto

from tests.fakes.tensorrt.loggers import log_error
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of

_NAME_MAX_CHARACTERS = 4096

# TensorRT's layer for an operator; the type of any other layer does not matter.
_LAYERS = {
    "Cast": "CAST",
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


def make_network(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `INetworkDefinition`."""
    flags = types["NetworkDefinitionCreationFlag"]

    class INetworkDefinition(Behaviour):
        _flags: int
        _name: str
        _inputs: list[Any]
        _outputs: list[Any]
        _layers: list[Any]
        _model: onnx.ModelProto | None
        _builder: Any
        _parser: Any

        @property
        def name(self) -> str:
            return self._name

        @name.setter
        def name(self, value: str) -> None:
            if not isinstance(value, str):
                raise TypeError("name must be a str")
            if len(value) > _NAME_MAX_CHARACTERS:
                self._error("API Usage Error (The given name exceeds the limit (4096 characters)!)", "setName")
                return
            self._name = value

        @property
        def flags(self) -> int:
            return self._flags | 1 << int(flags.STRONGLY_TYPED) if script.newest else self._flags

        def get_flag(self, flag: Any) -> bool:
            return bool(self.flags & 1 << int(flag))

        @property
        def num_inputs(self) -> int:
            return len(self._inputs)

        @property
        def num_outputs(self) -> int:
            return len(self._outputs)

        @property
        def num_layers(self) -> int:
            return len(self._layers)

        def __len__(self) -> int:
            return len(self._layers)

        def get_input(self, index: int) -> Any:
            return self._item(self._inputs, index, "getInput")

        def get_output(self, index: int) -> Any:
            return self._item(self._outputs, index, "getOutput")

        def get_layer(self, index: int) -> Any:
            return self._item(self._layers, index, "getLayer")

        def _item(self, items: list[Any], index: int, function: str) -> Any:
            if 0 <= index < len(items):
                return items[index]
            return self._error(f"API Usage Error (Parameter check failed: index {index} of {len(items)}.)", function)

        def _error(self, text: str, function: str) -> None:
            log_error(script, types, self._builder._logger, f"INetworkDefinition::{function}: Error Code 3: {text}")

    return INetworkDefinition


def fill_network(network: Any, model: onnx.ModelProto, types: dict[str, Any], unsupported: set[str]) -> None:
    """Inputs, outputs and layers of the model, as the parser adds them: no layer that needs an unsupported operator.

    Outputs are marked only if all layers could be added.
    """
    graph = model.graph
    values = {value.name: value for value in (*graph.input, *graph.output, *graph.value_info)}
    weights = {weight.name for weight in graph.initializer}

    def tensor(name: str) -> Any:
        kind = values[name].type.tensor_type if name in values else onnx.TypeProto.Tensor(elem_type=TensorProto.FLOAT)
        shape = [size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim]
        dtype = types["DataType"].__members__[_DTYPES.get(kind.elem_type, "INT32")]
        return instance_of(types["ITensor"], _name=name, _dtype=dtype, _shape=types["Dims"](shape))

    layer_types = types["LayerType"].__members__
    network._model = model
    network._inputs = [tensor(value.name) for value in graph.input if value.name not in weights]
    known = {"", *weights, *(value.name for value in graph.input)}
    network._layers = []
    for node in graph.node:
        if node.op_type in unsupported or not known.issuperset(node.input):
            continue
        known.update(node.output)
        kind = _LAYERS.get(node.op_type, "ELEMENTWISE")
        state = {
            "_node": node,
            "_type": layer_types[kind if kind in layer_types else "IDENTITY"],
            "_outputs": [tensor(name) for name in node.output],
        }
        network._layers.append(instance_of(types["ILayer"], **state))
    complete = len(network._layers) == len(graph.node)
    network._outputs = [tensor(value.name) for value in graph.output] if complete else []
