"""Descriptions as real engines give them; `harness/backends/tensorrt/inspector.py` states their sources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.backends.tensorrt.inspector import precision_of, read_layers, type_word


def layer(kind: str, inputs: str, **more: Any) -> dict[str, Any]:
    return {
        "Name": more.pop("name", "layer"),
        "LayerType": kind,
        "Inputs": [{"Name": "x", "Dimensions": [1, 3, 8, 8], "Format/Datatype": inputs}],
        "Outputs": [{"Name": "y", "Dimensions": [1, 3, 8, 8], "Format/Datatype": more.pop("outputs", inputs)}],
        **more,
    }


def effective(*layers: dict[str, Any]) -> str:
    return precision_of(read_layers(json.dumps({"Layers": list(layers), "Bindings": ["x", "y"]})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Row major linear FP32", "fp32"),
        ("Float", "fp32"),
        ("Channel major FP16 format where channel % 8 == 0", "fp16"),
        ("Half", "fp16"),
        ("Half(64,1:8,8)", "fp16"),
        ("Thirty-two wide channel vectorized row major Int8 format", "int8"),
        ("Row major INT8 format where column stride % 64 == 0", "int8"),
        ("Row major linear BFloat16 format", "bf16"),
        ("Row major linear FP8 format", "fp8"),
        ("Row major linear UInt8 format", ""),
        ("Row major linear Int32", ""),
        ("N/A due to dynamic shapes", ""),
    ],
)
def test_types_are_read_out_of_descriptions(text: str, expected: str) -> None:
    assert type_word(text) == expected


def test_the_precision_is_that_of_convolutions_and_products() -> None:
    layers = [
        layer("Reformat", "Row major linear FP32", ParameterType="Reformat"),
        layer("CaskConvolution", "Channel major FP16 format where channel % 8 == 0", ParameterType="Convolution"),
        layer("CudaDepthwiseConvolution", "Row major linear FP16 format", ParameterType="Convolution"),
        layer("CaskPooling", "Row major linear FP32", ParameterType="Pooling"),
    ]
    assert effective(*layers) == "fp16"
    assert effective(*layers, layer("MatrixMultiply", "Row major linear FP32")) == "fp16+fp32"


def test_a_quantised_convolution_that_writes_floats_is_int8() -> None:
    quantised = layer(
        "CaskConvolution",
        "Four wide channel vectorized row major Int8 format",
        outputs="Row major linear FP32",
        Weights={"Type": "Int8", "Count": 9408},
    )
    assert effective(quantised) == "int8"


def test_weights_give_the_type_if_shapes_are_dynamic() -> None:
    assert (
        effective(layer("CaskConvolution", "N/A due to dynamic shapes", Weights={"Type": "Half", "Count": 9})) == "fp16"
    )
    assert effective(layer("ConvActPool", "N/A", ConvWeights={"Type": "Int8", "Count": 9})) == "int8"


def test_layers_of_the_compiler_are_recognised_by_type_kernel_or_name() -> None:
    pointwise = layer("kgen", "Float", name="__myl_AddMulMax_myl0_3", TacticName="__myl_AddMulMax_0x1")
    assert effective(pointwise, layer("gemm", "Half", name="/fc/MatMul_myl0_2")) == "fp16"
    assert effective(pointwise, layer("fusion", "Int8", TacticName="sm80_xmma_gemm_i8i8_i8i32_f32_tn")) == "int8"
    assert effective(pointwise, layer("kgen", "Half", name="__myl_ConvAddRelu_myl0_4")) == "fp16"
    # A pointwise kernel with a convolution's node only in its metadata does not convolve.
    fused = layer("kgen", "Float", name="__myl_Cast", Metadata="[ONNX Layer: conv]")
    assert effective(fused, layer("gemm", "Half")) == "fp16"


def test_without_arithmetic_every_layer_counts() -> None:
    assert (
        effective(layer("PointWiseV2", "Row major linear FP32"), layer("Shuffle", "Row major linear Int32")) == "fp32"
    )


def test_an_outright_precision_is_believed() -> None:
    assert effective({"Name": "conv", "LayerType": "Convolution", "Precision": "FP16"}) == "fp16"


def test_layers_keep_name_type_and_kernel() -> None:
    (found,) = read_layers(
        json.dumps({"Layers": [layer("gemm", "Half", name="fc", TacticName="sm80", TacticValue="0x1")]})
    )
    assert (found.name, found.kind, found.precision, found.tactic, found.arithmetic) == (
        "fc",
        "gemm",
        "fp16",
        "sm80",
        True,
    )


def test_control_characters_between_the_names_of_a_fused_layer_are_accepted() -> None:
    text = json.dumps({"Layers": [layer("gemm", "Half", Metadata="[ONNX Layer: a]@[ONNX Layer: b]")]})
    for separator in ("\x1e", "\x1f", "\\u001e"):
        assert precision_of(read_layers(text.replace("@", separator))) == "fp16"


@pytest.mark.parametrize("text", ['{"Layers": ["conv", "fc"], "Bindings": []}', "no JSON"])
def test_names_alone_are_not_enough(text: str) -> None:
    with pytest.raises(ValueError, match=r"names of its layers|Expecting"):
        read_layers(text)
