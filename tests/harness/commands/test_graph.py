"""`--graph fused`, from the command line to the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper

from harness.__main__ import main
from tests.fakes.networks import classifier_file

QUICK = ["--rounds", "1", "--block-ms", "1", "--block-groups", "1"]


@pytest.fixture
def swish_file(tmp_path: Path) -> Path:
    """A classifier whose first result passes a hard swish that is written out."""
    path = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    model = onnx.load(path)
    source = next(node for node in model.graph.node if node.op_type == "Conv").output[0]
    for node in model.graph.node:
        node.input[:] = ["swish" if name == source else name for name in node.input]
    for name, value in {"three": 3.0, "low": 0.0, "high": 6.0, "six": 6.0}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    position = next(index for index, node in enumerate(model.graph.node) if source in node.output) + 1
    parts = [
        ("Add", [source, "three"], "shifted"),
        ("Clip", ["shifted", "low", "high"], "clipped"),
        ("Mul", [source, "clipped"], "product"),
        ("Div", ["product", "six"], "swish"),
    ]
    for offset, (kind, inputs, output) in enumerate(parts):
        model.graph.node.insert(position + offset, onnx.helper.make_node(kind, inputs, [output]))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def measured(tmp_path: Path, *words: object) -> dict[tuple[str, str], dict[str, object]]:
    """The rows of the run directory by graph and precision."""
    output = tmp_path / "results"
    main(["run", *map(str, words), *QUICK, "--output", str(output), "--cache-dir", str(tmp_path / "cache")])
    rows = pd.read_csv(output / "results.csv", keep_default_na=False).to_dict("records")
    return {(row["graph"], row["precision"]): row for row in rows}


def test_a_file_is_measured_in_both_graphs_in_one_run(swish_file: Path, tmp_path: Path) -> None:
    before = swish_file.read_bytes()
    measured(tmp_path, "--onnx", swish_file)
    rows = measured(tmp_path, "--onnx", swish_file, "--graph", "fused")
    assert {key: row["status"] for key, row in rows.items()} == {("native", "fp32"): "ok", ("fused", "fp32"): "ok"}
    native, fused = rows["native", "fp32"], rows["fused", "fp32"]
    assert fused["artifact_sha256"] != native["artifact_sha256"]
    assert float(str(fused["verification_relative_l2"])) < 1e-6
    assert swish_file.read_bytes() == before


def test_fp16_is_made_of_the_fused_file(swish_file: Path, tmp_path: Path) -> None:
    rows = measured(tmp_path, "--onnx", swish_file, "--graph", "fused", "--precision", "fp16")
    (row,) = rows.values()
    assert (row["graph"], row["precision"]) == ("fused", "fp16")
    made = (tmp_path / "cache" / "artifacts").rglob("model.onnx")
    operators = [{node.op_type for node in onnx.load(path).graph.node} for path in made]
    # The file as it is prepared, and the fused graph in both precisions.
    assert sorted("HardSwish" in one for one in operators) == [False, True, True]


@pytest.mark.parametrize("graph", ["native", "fused"])
def test_verify_compares_the_fused_file_with_the_given_one(
    swish_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], graph: str
) -> None:
    words = ["verify", "--onnx", str(swish_file), "--graph", graph, "--cache-dir", str(tmp_path / "cache")]
    code = main(words)
    told = capsys.readouterr()
    if graph == "native":
        assert (code, "nothing to compare it with" in told.err) == (2, True)
    else:
        assert (code, "top-1 equal" in told.out) == (0, True)


def test_convert_takes_a_graph_without_another_precision(
    swish_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["convert", "--onnx", str(swish_file), "--cache-dir", str(tmp_path / "cache")]
    assert main(words) == 2
    assert "--graph fused" in capsys.readouterr().err
    assert main([*words, "--graph", "fused"]) == 0
    path = capsys.readouterr().out.split()[-1]
    assert "HardSwish" in {node.op_type for node in onnx.load(path).graph.node}
    assert main([*words, "--graph", "fused", "--fused-for", "openvino"]) == 0
    assert Path(capsys.readouterr().out.split()[-1]).read_bytes() == swish_file.read_bytes()
