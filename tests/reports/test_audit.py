"""The audit of conversions, from sidecars as the converters write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports.audit import OperatorTotal, conversions, differences, int8_scheme, operator_totals


def _row(
    folder: Path, exporter: str, operators: dict[str, int] | None, model: str = "a/x", **values: Any
) -> dict[str, Any]:
    """A row whose artifact lies in a folder of its own, with a sidecar if it has operators."""
    sha256 = f"{model} {exporter} {values.get('precision', '')}"
    directory = folder / sha256.replace("/", "-")
    directory.mkdir()
    if operators is not None:
        facts = {"sha256": sha256, "operators": operators, "seconds": {"export_s": 1.5, "verify_s": 0.5}}
        (directory / "provenance.json").write_text(json.dumps(facts), encoding="utf-8")
    return {
        "model": model, "exporter": f"{exporter} 1.0", "precision": "fp32", "graph": "native",
        "artifact_sha256": sha256, "artifact_mib": 3.5,
        "artifact_path": str(directory / "model.onnx"), "conversion_s": 2.0, "verification_relative_l2": 1e-6, **values,
    }  # fmt: skip


def test_an_artifact_is_audited_once_with_its_operators_and_times(tmp_path: Path) -> None:
    row = _row(tmp_path, "dynamo", {"Conv": 3, "Relu": 2})
    (conversion,) = conversions([row, {**row, "environment_id": "another"}])
    assert conversion.operators == {"Conv": 3, "Relu": 2}
    assert conversion.phases_s == {"export_s": 1.5, "verify_s": 0.5}
    assert (conversion.seconds, conversion.error, conversion.exporter) == (2.0, 1e-6, "dynamo 1.0")


def test_rows_without_an_artifact_or_a_conversion_are_not_audited(tmp_path: Path) -> None:
    failed = {**_row(tmp_path, "dynamo", None), "artifact_sha256": ""}
    as_it_came = {**_row(tmp_path, "own", None), "exporter": ""}
    assert conversions([failed, as_it_came]) == []


@pytest.mark.parametrize(
    "text", [None, "no json", "[]", "{}", '{"sha256": "of another file", "operators": {"Conv": 1}, "seconds": {}}']
)
def test_without_a_sidecar_of_this_artifact_the_operators_are_unknown(tmp_path: Path, text: str | None) -> None:
    row = _row(tmp_path, "dynamo", None)
    if text is not None:
        Path(row["artifact_path"]).with_name("provenance.json").write_text(text, encoding="utf-8")
    (conversion,) = conversions([row])
    assert (conversion.operators, conversion.phases_s, conversion.seconds) == ({}, {}, 2.0)


def test_the_scheme_of_int8_is_in_the_sidecar(tmp_path: Path) -> None:
    row = _row(tmp_path, "dynamo", {"Conv": 3}, precision="int8")
    sidecar = Path(row["artifact_path"]).with_name("provenance.json")
    assert int8_scheme(row) == ""
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "recipe": {"scheme": "tensorrt"}}))
    assert int8_scheme(row) == "tensorrt"
    assert int8_scheme({**row, "artifact_sha256": "another"}) == ""
    assert int8_scheme({**row, "precision": "fp32"}) == ""


def test_in_a_bundle_the_sidecar_has_the_artifacts_name(tmp_path: Path) -> None:
    row = _row(tmp_path, "dynamo", {"Conv": 3})
    artifact = Path(row["artifact_path"])
    artifact.with_name("provenance.json").rename(artifact.with_name("a-x-fp32-b1.json"))
    (conversion,) = conversions([{**row, "artifact_path": str(artifact.with_name("a-x-fp32-b1.onnx"))}])
    assert conversion.operators == {"Conv": 3}


def test_what_one_exporter_adds_and_drops_against_the_other(tmp_path: Path) -> None:
    rows = [
        _row(tmp_path, "torchscript", {"Conv": 3, "Constant": 9, "Relu": 2}),
        _row(tmp_path, "dynamo", {"Conv": 3, "Relu": 3, "Gemm": 1}),
        _row(tmp_path, "dynamo", {"Conv": 1}, model="a/alone"),
        _row(tmp_path, "torchscript", None, model="a/alone"),
    ]
    (difference,) = differences(conversions(rows), "exporter")
    assert (difference.model, difference.base, difference.other) == ("a/x", "dynamo", "torchscript")
    assert (difference.base_nodes, difference.other_nodes) == (7, 14)
    assert difference.more == {"Constant": 9}
    assert difference.fewer == {"Gemm": 1, "Relu": 1}


def test_operators_are_totalled_over_the_models_that_both_have(tmp_path: Path) -> None:
    rows = []
    for model in ("a/x", "a/y"):
        rows.append(_row(tmp_path, "dynamo", {"Conv": 3, "Relu": 1}, model=model))
        rows.append(
            _row(tmp_path, "torchscript", {"Conv": 3, "Constant": 5, "Relu": 2 if model == "a/y" else 1}, model=model)
        )
    assert operator_totals(conversions(rows), "exporter") == [
        OperatorTotal("dynamo", "torchscript", "Constant", models=2, base_nodes=0, other_nodes=10),
        OperatorTotal("dynamo", "torchscript", "Relu", models=1, base_nodes=2, other_nodes=3),
    ]


def test_what_a_precision_adds(tmp_path: Path) -> None:
    rows = [
        _row(tmp_path, "dynamo", {"Conv": 3}, precision="fp32"),
        _row(tmp_path, "dynamo", {"Conv": 3, "Cast": 2}, precision="fp16"),
    ]
    (difference,) = differences(conversions(rows), "precision")
    assert (difference.base, difference.other, difference.more, difference.fewer) == ("fp32", "fp16", {"Cast": 2}, {})
