"""The parser that reads a network from an ONNX file."""

from __future__ import annotations

import functools
import weakref
from pathlib import Path
from typing import Any

import google.protobuf.message
import onnx

from tests.fakes.tensorrt.network import fill_network
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of, interface

_NO_PLUGIN = 'creator && "Plugin not found, are the plugin name, version, and namespace correct?"'
_CANNOT_PARSE = "Assertion failed: model->ParseFromCodedStream(&codedInput): Failed to parse the ONNX model."
_PARSED_BEFORE = "Assertion failed: model->ByteSizeLong() == 0: A model was previously parsed!"
_NO_FILE = (
    "Assertion failed: stat(onnxModelFile, &sb) == 0 && S_ISREG(sb.st_mode): "
    "Input file cannot be found, or is not a regular file: {path}"
)
_NO_WEIGHTS = "Failed to import initializer: {error}"

_ASYMMETRIC = "Assertion failed: shiftIsAllZeros(zeroPoint): Non-zero zero point is not supported."

_END_GROUP = 4
_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


class ParserError(Behaviour):
    _operator: str
    _node: int
    _node_name: str
    _text: str
    _code: Any

    def code(self) -> Any:
        return self._code

    def desc(self) -> str:
        return self._text

    def node(self) -> int:
        return self._node

    def node_operator(self) -> str:
        return self._operator

    def node_name(self) -> str:
        return self._node_name


def _asymmetric(model: onnx.ModelProto) -> list[tuple[int, onnx.NodeProto]]:
    """The numbers and nodes of quantisations with a zero point other than 0."""
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    return [
        (index, node)
        for index, node in enumerate(model.graph.node)
        if node.op_type == "QuantizeLinear" and len(node.input) > 2 and constants[node.input[2]].any()
    ]


def make_parser(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `OnnxParser`."""

    class OnnxParser(Behaviour):
        def __init__(self, network: Any, logger: Any) -> None:
            if script.newest and network._parser:
                raise AssertionError("A real process crashes when it frees a network that had two parsers.")
            network._parser = True
            self._network_alive, self._logger = weakref.ref(network), logger
            self._errors: list[Any] = []
            self._parsed = False

        @property
        def _network(self) -> Any:
            network = self._network_alive()
            if network is None:
                raise AssertionError("A real process crashes when it parses into a network that was freed.")
            return network

        @property
        def num_errors(self) -> int:
            return len(self._errors)

        def get_error(self, index: int) -> Any:
            if 0 <= index < len(self._errors):
                return self._errors[index]
            text = f"vector::_M_range_check: __n (which is {index}) >= this->size() (which is {len(self._errors)})"
            return self._logger.log(types["ILogger.Severity"].ERROR, text)

        def supports_operator(self, op_name: str) -> bool:
            return op_name not in script.unsupported and (not script.newest or op_name in _operators(script.version))

        def parse_from_file(self, model: str | bytes) -> bool:
            flags = types["NetworkDefinitionCreationFlag"]
            if script.major == 8 and not self._network._flags & 1 << int(flags.EXPLICIT_BATCH):
                text = "This version of the ONNX parser only supports networks with an explicit batch."
                return self._refuse("INVALID_VALUE", text, 0)
            loaded = self._load(Path(model.decode() if isinstance(model, bytes) else model))
            if loaded is None:
                return False
            unknown = {node.op_type for node in loaded.graph.node if not self.supports_operator(node.op_type)}
            missing = [(index, node) for index, node in enumerate(loaded.graph.node) if node.op_type in unknown]
            for index, node in missing[: 1 if script.major == 8 else None]:
                self._refuse_node(index, node)
            for index, node in _asymmetric(loaded) if script.newest else ():
                self._refuse("INVALID_NODE", _ASYMMETRIC, index, node)
            for text in script.parser_errors:
                self._refuse("INVALID_NODE", text, 0)
            if script.newest or not self._errors:
                fill_network(self._network, loaded, types, unknown)
            return not self._errors

        def _load(self, path: Path) -> onnx.ModelProto | None:
            """The model in the file, with its external weights and all shapes; None after an error."""
            if not path.is_file():
                self._refuse("INVALID_VALUE", _NO_FILE.format(path=path), -1)
            elif self._parsed:
                self._refuse("MODEL_DESERIALIZE_FAILED", _PARSED_BEFORE, -1)
            else:
                try:
                    loaded = onnx.ModelProto.FromString(_read_part(path.read_bytes()))
                    self._parsed = loaded.ByteSize() > 0
                    onnx.load_external_data_for_model(loaded, str(path.parent))
                    return onnx.shape_inference.infer_shapes(loaded)
                except google.protobuf.message.DecodeError:
                    self._refuse("MODEL_DESERIALIZE_FAILED", _CANNOT_PARSE, -1)
                except (OSError, onnx.checker.ValidationError) as error:
                    self._refuse("INVALID_GRAPH", _NO_WEIGHTS.format(error=error), -1)
            return None

        def _refuse_node(self, index: int, node: onnx.NodeProto) -> None:
            if not script.newest:
                self._refuse("UNSUPPORTED_NODE", f"No importer registered for op: {node.op_type}.", index, node)
                return
            result = f'{node.op_type} -> "{node.output[0]}"'
            for line in (
                f"ModelImporter.cpp: While parsing node number {index} [{result}]:",
                f"ModelImporter.cpp: --- Begin node ---\nNode name: {node.name}",
                "ModelImporter.cpp: --- End node ---",
            ):
                self._logger.log(types["ILogger.Severity"].ERROR, line)
            self._refuse("INVALID_NODE", _NO_PLUGIN, index, node)

        def _refuse(self, code: str, text: str, index: int, node: onnx.NodeProto | None = None) -> bool:
            node = node or onnx.NodeProto()
            state = {
                "_code": types["ErrorCode"].__members__[code],
                "_text": text,
                "_node": index,
                "_operator": node.op_type,
                "_node_name": node.name,
            }
            self._errors.append(instance_of(types["ParserError"], **state))
            self._logger.log(types["ILogger.Severity"].ERROR, f"ModelImporter.cpp: {code}: {text}")
            return False

    return OnnxParser


@functools.cache
def _operators(version: str) -> frozenset[str]:
    """ONNX's operators, without those that the real parser of this version is known to lack."""
    lacking = interface(version).get("unsupported_operators", ())
    return frozenset(schema.name for schema in onnx.defs.get_all_schemas()).difference(lacking)


def _read_part(content: bytes) -> bytes:
    """The part of a protobuf file that a C++ stream reads: it stops at a zero or an end-group tag, without an error."""
    position = 0
    while position < len(content):
        begin = position
        tag, position = _varint(content, position)
        kind = tag & 7
        if tag == 0 or kind == _END_GROUP:
            return content[:begin]
        if kind == _LENGTH_DELIMITED:
            length, position = _varint(content, position)
            position += length
        elif kind == _VARINT:
            _, position = _varint(content, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if kind == _EIGHT_BYTES else 4
        else:
            break
    return content


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """The variable-length number at the position, and the position after it."""
    value = shift = 0
    while position < len(content):
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            break
    return value, position
