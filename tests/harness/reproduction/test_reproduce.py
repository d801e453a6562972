"""The script by itself: what it imports, what it opens, and what it says of two figures."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from harness.backends.onnxruntime.cpu import session_options
from harness.reproduction import reproduce
from tests.harness.conftest import WriteNetwork

ROW = {"latency_median_ms": 2.0, "latency_low_ms": 1.9, "latency_high_ms": 2.2, "runtime": "onnxruntime 1.30.0"}


def test_it_imports_nothing_but_numpy_and_the_standard_library() -> None:
    tree = ast.parse(Path(reproduce.__file__).read_text("utf-8"))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert modules - set(sys.stdlib_module_names) == {"numpy"}


def test_a_median_within_the_interval_is_said_to_be() -> None:
    assert reproduce.compared(ROW, 2.1, "onnxruntime 1.30.0") == ("1.050 of the row, within its interval", 0)


def test_a_median_outside_names_what_may_differ() -> None:
    told, exit_code = reproduce.compared(ROW, 3.0, "onnxruntime 1.28.0")
    assert exit_code == 1
    assert told.startswith("1.500 of the row, outside its interval: another processor, speed or load")
    assert told.endswith("or onnxruntime 1.28.0 in place of onnxruntime 1.30.0")


def test_a_row_without_an_interval_is_compared_all_the_same() -> None:
    row = {**ROW, "latency_low_ms": None, "latency_high_ms": None}
    told, exit_code = reproduce.compared(row, 3.0, "onnxruntime 1.30.0")
    assert (told, exit_code) == ("1.500 of the row, which has no interval: it has too few trials", 0)


def test_its_session_has_the_options_of_a_trial(
    tmp_path: Path, write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    class Recorded(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, path: str, options: Any, providers: list[str]) -> None:
            opened.append((options, providers))
            super().__init__(path, options, providers=providers)

    spied = SimpleNamespace(**{**vars(onnxruntime), "InferenceSession": Recorded})
    monkeypatch.setattr(importlib, "import_module", lambda _: spied)
    monkeypatch.setattr(reproduce, "MODEL", write_network())
    session = onnxruntime.InferenceSession(str(reproduce.MODEL))
    inputs = {one.name: np.zeros(one.shape, np.float32) for one in session.get_inputs()}
    properties = {"session.force_spinning_stop": "1"}
    reproduce.onnxruntime_inference({"threads": 3, "properties": properties}, inputs)()
    ((options, providers),) = opened
    of_a_trial = session_options(3)
    names = ("intra_op_num_threads", "inter_op_num_threads", "execution_mode", "graph_optimization_level")
    assert [getattr(options, name) for name in names] == [getattr(of_a_trial, name) for name in names]
    for name in properties:
        assert options.get_session_config_entry(name) == of_a_trial.get_session_config_entry(name)
    assert providers == ["CPUExecutionProvider"]
