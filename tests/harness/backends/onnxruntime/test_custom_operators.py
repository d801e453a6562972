from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from harness import backends
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.errors import ArtifactError, UnsupportedError
from harness.processes.target import Target


def write(path: Path, domain: str, operators: list[str], imported: bool = True, shape: Sequence[int] = (1, 4)) -> Path:
    names = [f"v{index}" for index in range(len(operators) + 1)]
    nodes = [
        helper.make_node(operator, [names[index]], [names[index + 1]], domain=domain)
        for index, operator in enumerate(operators)
    ]
    inputs, outputs = ([helper.make_tensor_value_info(name, 1, shape)] for name in (names[0], names[-1]))
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


def test_what_is_no_library_is_named(tmp_path: Path) -> None:
    backend = OnnxRuntimeBackend()
    library = tmp_path / "ops.so"
    library.write_bytes(b"no library")
    backend.use_custom_operators(library)
    path = write(tmp_path / "net.onnx", "my.ops", ["Foo"])
    with pytest.raises(
        ArtifactError, match=r"--custom-operators .*ops\.so is not a library of operators .*built for its version"
    ):
        backend.prepare(path, precision="fp32", batch=1, threads=1)


def test_other_runtimes_take_no_library(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="tensorrt-rtx takes no library of custom operators"):
        backends.get("tensorrt-rtx").use_custom_operators(tmp_path / "ops.so")


@pytest.mark.network
def test_a_real_library_has_its_operators(tmp_path: Path) -> None:
    """The operators of onnxruntime-extensions, as people install them."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    subprocess.run([*command, "onnxruntime-extensions"], check=True)
    (library,) = (tmp_path / "site/onnxruntime_extensions").glob("_extensions_pydll*[!i]")
    path = write(tmp_path / "net.onnx", "ai.onnx.contrib", ["Inverse"], shape=[2, 2])
    target = Target(str(path), "", "onnxruntime", "fp32", 2, 1, custom_operators=str(library))
    with target.open() as session:
        session.start(np.array([[0, 2], [4, 0]], np.float32))
        np.testing.assert_allclose(session.outputs()["v1"], [[0, 0.25], [0.5, 0]])
    with pytest.raises(UnsupportedError, match=r"ai\.onnx\.contrib:Inverse"):
        dataclasses.replace(target, custom_operators="").open()
