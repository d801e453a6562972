"""What a run converts and measures first, and that it is all there in the end."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest

import zoo
from harness.artifacts.onnx_files import OnnxFile
from harness.artifacts.request import ArtifactRequest
from harness.records.series import Series
from harness.runs import early, prepare
from harness.runs.early import in_order, parts
from harness.runs.prepare import PreparedRun, prepared
from harness.runs.request import RunRequest


def request(*models: str, varied: dict[str, tuple[str, ...]] | None = None, **wanted: Any) -> RunRequest:
    return RunRequest(ArtifactRequest(models=models, **wanted), varied=varied or {})


def one(model: str, backend: str = "onnxruntime", precision: str = "fp32", sha256: str = "") -> Series:
    source, _, name = model.partition("/")
    return Series(model, source, name, backend, precision, 1, artifact_sha256=sha256)


def test_parts_grow_and_hold_every_model_once_the_cheapest_first() -> None:
    found = [part.wanted.models for part in parts(request("all"))]
    assert [len(names) for names in found] == [2, 8, 32, len(zoo.cards(("all",))) - 42]
    macs = [[zoo.card(name).macs for name in names] for names in found]
    assert all(max(cheaper) <= min(costlier) for cheaper, costlier in itertools.pairwise(macs))
    assert sorted(name for names in found for name in names) == sorted(card.name for card in zoo.cards(("all",)))


@pytest.mark.parametrize("models", [("smoke",), ("regnet/RegNetX-200MF",), ()])
def test_few_models_are_one_part(models: tuple[str, ...]) -> None:
    asked = request(*models)
    assert parts(asked) == [asked]


def test_a_bundle_is_one_part() -> None:
    asked = request("all", artifacts=Path("bundle"))
    assert parts(asked) == [asked]


def test_users_networks_and_files_come_with_the_last_part() -> None:
    file = OnnxFile("mine", Path("mine.onnx"))
    *first, last = parts(request("mobile", own_models=("module:function",), onnx_files=(file,)))
    assert first
    assert all(not part.wanted.own_models and not part.wanted.onnx_files for part in first)
    assert (last.wanted.own_models, last.wanted.onnx_files) == (("module:function",), (file,))


def test_the_order_is_that_of_a_request_in_one_part() -> None:
    asked = request("regnet", varied={"backend": ("onnxruntime", "openvino"), "precision": ("fp32", "int8")})
    names = [card.name for card in zoo.cards(("regnet",))]
    whole = [
        one(name, backend, precision)
        for backend in ("onnxruntime", "openvino")
        for precision in ("fp32", "int8")
        for name in (*names, "onnx/mine")
    ]
    assert in_order(sorted(whole, key=lambda series: series.model[::-1]), asked) == whole


def test_a_file_of_its_own_precision_stays_behind_the_models() -> None:
    whole = [one("regnet/RegNetX-200MF"), one("onnx/mine", precision="int8")]
    assert in_order(whole[::-1], request("regnet/RegNetX-200MF")) == whole


def test_what_is_ready_is_handed_out_before_the_rest_is_converted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    happened: list[tuple[str, int]] = []

    def convert(requests: tuple[ArtifactRequest, ...], cache_dir: Path, say: Any) -> list[Series]:
        cards = [card for each in requests for card in each.cards()]
        happened.append(("converted", len(cards)))
        made = {"artifact_path": "a.onnx", "artifact_sha256": "1", "artifact_mib": 1.0}
        return [dataclasses.replace(one(card.name), **made) for card in cards]

    def measure(ready: PreparedRun) -> None:
        happened.append(("measured", len(ready.series)))
        assert [each.model for each in ready.directory.series()] == [each.model for each in ready.series]

    monkeypatch.setattr(prepare, "convert_variants", convert)
    monkeypatch.setattr(early, "LEAST_MODELS", 5)
    asked, told = request("smoke"), list[str]()
    with prepared(asked, tmp_path / "results", tmp_path / "cache", False, told.append, early=measure) as ready:
        assert happened == [("converted", 2), ("measured", 2), ("converted", 7)]
        assert [each.model for each in ready.series] == [card.name for card in asked.wanted.cards()]
    assert told == ["first figures: 2 models, the cheapest of those that are left"]


def test_what_is_converted_already_is_one_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes: list[int] = []

    def convert(requests: tuple[ArtifactRequest, ...], cache_dir: Path, say: Any) -> list[Series]:
        sizes.append(sum(len(each.cards()) for each in requests))
        return []

    def measure(ready: PreparedRun) -> None:
        raise AssertionError(ready)

    monkeypatch.setattr(prepare, "convert_variants", convert)
    monkeypatch.setattr(prepare, "all_stored", lambda requests, cache_dir: True)
    with prepared(request("mobile"), tmp_path / "results", tmp_path / "cache", False, print, early=measure):
        assert sizes == [len(zoo.cards(("mobile",)))]


def test_without_measuring_all_is_converted_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes: list[int] = []

    def convert(requests: tuple[ArtifactRequest, ...], cache_dir: Path, say: Any) -> list[Series]:
        sizes.append(sum(len(each.cards()) for each in requests))
        return []

    monkeypatch.setattr(prepare, "convert_variants", convert)
    with prepared(request("mobile"), tmp_path / "results", tmp_path / "cache", False, print):
        assert sizes == [len(zoo.cards(("mobile",)))]
