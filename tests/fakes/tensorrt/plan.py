"""A serialised engine, and the inspector's description of its layers in the words of each version."""

from __future__ import annotations

import base64
import dataclasses
import json
import struct
from typing import Any

import onnx

HEADER_BYTES = 64
"""The length of the part of an engine that says what it is, and what it runs on."""

_MAGIC = b"fake TensorRT plan\n"

# Operators whose kernels convolve or multiply.
ARITHMETIC = ("Conv", "Gemm", "MatMul")

# Operators for which the parser has a plugin, not a layer; in newer versions a flag requests it.
PLUGINS = ("InstanceNormalization",)

# How TensorRT's own kernels word a format and the weights' type; from plans included with
# trt-engine-explorer (NVIDIA/TensorRT, release 8.6).
_FORMATS = {
    "FLOAT": "Row major linear FP32",
    "HALF": "Channel major FP16 format where channel % 8 == 0",
    "INT8": "Thirty-two wide channel vectorized row major Int8 format",
}
_OLDEST_DEFAULT_TARGET = 80
_WORDS = {"FLOAT": "Float", "HALF": "Half", "INT8": "Int8"}


@dataclasses.dataclass(frozen=True)
class Header:
    """The beginning of an engine: its length, its version, and what it runs on.

    `targets` are the compute capabilities that it is for; empty: 8.0 and later ones.
    """

    size_bytes: int
    version: str
    targets: tuple[int, ...]

    def dump(self) -> bytes:
        """The header as bytes."""
        version = bytes(int(number) for number in self.version.split("."))
        content = _MAGIC + struct.pack("<Q4s", self.size_bytes, version) + bytes(self.targets)
        return content.ljust(HEADER_BYTES, b"\0")

    @classmethod
    def load(cls, content: bytes) -> Header | None:
        """The header at the beginning of the bytes; None if there is none."""
        if len(content) < HEADER_BYTES or not content.startswith(_MAGIC):
            return None
        size_bytes, version = struct.unpack_from("<Q4s", content, len(_MAGIC))
        targets = content[len(_MAGIC) + struct.calcsize("<Q4s") : HEADER_BYTES].rstrip(b"\0")
        return cls(size_bytes, ".".join(map(str, version)), tuple(targets))

    def fits(self, compute_capability: tuple[int, int]) -> bool:
        """Whether the engine is for a GPU of this compute capability."""
        number = 10 * compute_capability[0] + compute_capability[1]
        return number in self.targets if self.targets else number >= _OLDEST_DEFAULT_TARGET


@dataclasses.dataclass(frozen=True)
class Plan:
    """The contents of an engine; `layers` are operator, name and type of computation.

    `name` is the network's, and `flags` those of its build: both are in the bytes of a real engine.
    """

    version: str
    gpu: str
    targets: tuple[int, ...]
    name: str
    flags: tuple[str, ...]
    verbosity: str
    layers: tuple[tuple[str, str, str], ...]
    model: bytes

    def dump(self) -> bytes:
        """The engine as bytes."""
        data = {**dataclasses.asdict(self), "model": base64.b64encode(self.model).decode()}
        body = json.dumps(data).encode()
        return Header(HEADER_BYTES + len(body), self.version, self.targets).dump() + body

    @classmethod
    def load(cls, content: bytes) -> Plan:
        """The engine read back, whose header is whole; a ValueError if the rest is not."""
        data = json.loads(content[HEADER_BYTES:])
        layers = tuple(tuple(layer) for layer in data["layers"])
        whole = {"layers": layers, "model": base64.b64decode(data["model"])}
        return cls(**{**data, **{name: tuple(data[name]) for name in ("targets", "flags")}, **whole})

    def onnx_model(self) -> onnx.ModelProto:
        """The network that it computes."""
        return onnx.ModelProto.FromString(self.model)

    def layer_names(self) -> list[str]:
        """The names that the profiler reports."""
        return [self._described(layer)["Name"] for layer in self.layers]

    def describe(self) -> str:
        """The inspector's JSON."""
        if self.verbosity != "DETAILED":
            return json.dumps({"Layers": self.layer_names(), "Bindings": []})
        bindings = [value.name for value in (*self.onnx_model().graph.input, *self.onnx_model().graph.output)]
        text = json.dumps({"Layers": [self._described(layer) for layer in self.layers], "Bindings": bindings})
        # The real versions do not escape it.
        return text.replace(r"\u001e", "\x1e")

    def _described(self, layer: tuple[str, str, str]) -> dict[str, Any]:
        operator, name, dtype = layer
        if operator in ARITHMETIC:
            return self._kernel(operator, name, dtype) if self.version.startswith("8.") else self._fused(*layer)
        kind = {"Cast": "Reformat"}.get(operator, "PointWiseV2" if self.version.startswith("8.") else "kgen")
        tensor = {"Name": name, "Location": "Device", "Dimensions": [1], "Format/Datatype": _FORMATS["FLOAT"]}
        return {"Name": name or operator, "LayerType": kind, "Inputs": [tensor], "Outputs": [tensor]}

    def _kernel(self, operator: str, name: str, dtype: str) -> dict[str, Any]:
        tensor = {"Name": name, "Location": "Device", "Dimensions": [1], "Format/Datatype": _FORMATS[dtype]}
        result = {**tensor, "Format/Datatype": _FORMATS["FLOAT" if dtype == "INT8" else dtype]}
        return {
            "Name": name or operator,
            "LayerType": "CaskConvolution" if operator == "Conv" else "MatrixMultiply",
            "Inputs": [tensor],
            "Outputs": [result],
            "ParameterType": "Convolution",
            "Weights": {"Type": _WORDS[dtype], "Count": 108},
            "TacticName": "sm80_xmma_fprop_implicit_gemm",
            "TacticValue": "0x11bde0e1d9f2f35d",
        }

    def _fused(self, operator: str, name: str, dtype: str) -> dict[str, Any]:
        tensor = {"Name": name, "Dimensions": [1], "Format/Datatype": _WORDS[dtype]}
        return {
            "Name": f"{name or operator}_myl0_1",
            "LayerType": "CaskConvolution" if operator == "Conv" else "gemm",
            "Inputs": [tensor],
            "Outputs": [{**tensor, "Format/Datatype": _WORDS["FLOAT" if dtype == "INT8" else dtype]}],
            "TacticName": "sm80_xmma_gemm",
            "StreamId": 0,
            "Metadata": f"[ONNX Layer: {name}]\x1e[ONNX Layer: {name}_bias]",
        }
