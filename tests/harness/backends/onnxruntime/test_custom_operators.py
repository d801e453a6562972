from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper

from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.errors import UnsupportedError


def write(path: Path, domain: str, operators: list[str], imported: bool = True) -> Path:
    names = [f"v{index}" for index in range(len(operators) + 1)]
    nodes = [
        helper.make_node(operator, [names[index]], [names[index + 1]], domain=domain)
        for index, operator in enumerate(operators)
    ]
    inputs, outputs = ([helper.make_tensor_value_info(name, 1, [1, 4])] for name in (names[0], names[-1]))
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if imported else [])
    onnx.save(
        helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), opset_imports=opsets, ir_version=8), path
    )
    return path


@pytest.mark.parametrize(
    ("domain", "operators", "imported", "named"),
    [
        ("my.ops", ["Foo"], True, "1 custom operator of .*net.onnx: my.ops:Foo[.]"),
        ("my.ops", ["Foo", "Bar", "Foo"], True, "2 custom operators of .*: my.ops:Bar, my.ops:Foo[.]"),
        ("my.ops", ["Foo"], False, "1 custom operator of .*: my.ops:Foo[.]"),
        ("com.microsoft", ["NoSuch"], True, "1 custom operator of .*: com.microsoft:NoSuch[.]"),
        ("ai.onnx.contrib", ["BertTokenizer"], True, "ai.onnx.contrib:BertTokenizer"),
        ("", ["NoSuch"], False, "cannot run .*No Op registered for NoSuch"),
    ],
)
def test_unknown_operators_are_unsupported_with_their_names(
    domain: str, operators: list[str], imported: bool, named: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "net.onnx", domain, operators, imported)
    with pytest.raises(UnsupportedError, match=named):
        OnnxRuntimeBackend().prepare(path, precision="fp32", batch=1, threads=1)
