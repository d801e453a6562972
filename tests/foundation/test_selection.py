"""One grammar of `--models` in every command that has it: the same patterns select the same models."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from foundation.selection import SUITES, Selectable, SelectionError, means, parts, select
from harness.artifacts.bundle import Bundle, BundledFile, BundledModel
from harness.artifacts.file_series import FileSettings
from harness.artifacts.input_shapes import AskedShapes
from harness.artifacts.suites import with_suites
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.comparison.sides import SideSeries, pairings, read_side, unpaired
from harness.errors import BundleError, ComparisonError, HistoryError
from harness.history.timeline import matching
from harness.records.series import Series
from zoo import selection as zoo_selection
from zoo.catalog.reader import all_cards
from zoo.errors import UnknownModelError

B0, TF_B0, NET_X, NET_Y = NAMES = [
    "efficientnet/efficientnet_b0",
    "efficientnet/tf_efficientnet_b0",
    "regnet/RegNetX-200MF",
    "regnet/RegNetY-8.0GF",
]
SUITES_OF = {name: tuple(zoo_selection.suites_of(name, all_cards())) for name in NAMES}


def by_the_zoo(patterns: Sequence[str]) -> list[str]:
    cards = {name: card for name, card in all_cards().items() if name in NAMES}
    return [card.name for card in zoo_selection.select(patterns, cards)]


def by_a_bundle(patterns: Sequence[str]) -> list[str]:
    facts = [{"model": name, "precision": "fp32", "batch": 1} for name in NAMES]
    models = tuple(BundledModel(fact, SUITES_OF[str(fact["model"])]) for fact in facts)
    bundle = Bundle(Path("bundle"), BundledFile("reference.onnx", "", 0), models)
    return [model.facts["model"] for model in bundle.select(patterns, "fp32", 1)]


def by_the_history(patterns: Sequence[str]) -> list[str]:
    return matching(NAMES, patterns)


def by_the_sides(patterns: Sequence[str]) -> list[str]:
    side = [SideSeries(name, "fp32", 1, f"{name}.onnx", "digest") for name in NAMES]
    return [found.model for found in pairings(side, side, list(patterns))]


USERS = [
    (by_the_zoo, UnknownModelError),
    (by_a_bundle, BundleError),
    (by_the_history, HistoryError),
    (by_the_sides, ComparisonError),
]
Select = Callable[[Sequence[str]], list[str]]


@pytest.mark.parametrize(("selects", "_error"), USERS)
@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["all"], NAMES),
        (["ALL"], NAMES),
        ([B0], [B0]),
        ([B0.upper()], [B0]),
        (["efficientnet_b0"], [B0]),
        (["regnetx-200mf"], [NET_X]),
        (["regnet"], [NET_X, NET_Y]),
        (["RegNet"], [NET_X, NET_Y]),
        (["*b0"], [B0, TF_B0]),
        (["*B0*"], [B0, TF_B0]),
        (["regnet/*X*"], [NET_X]),
        (["regnet[xy]-*"], [NET_X, NET_Y]),
        (["tf_*,regnetx-200mf"], [TF_B0, NET_X]),
        ([" regnetx-200mf , tf_* ,"], [TF_B0, NET_X]),
        ([NET_X, "tf_*"], [TF_B0, NET_X]),
        (["regnet", NET_X], [NET_X, NET_Y]),
        (["mobile"], [B0, TF_B0, NET_X]),
        (["Mobile,*8.0gf"], NAMES),
    ],
)
def test_the_same_patterns_select_the_same_models(
    selects: Select, _error: type[Exception], patterns: list[str], expected: list[str]
) -> None:
    assert selects(patterns) == expected


@pytest.mark.parametrize(("selects", "error"), USERS)
@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["efficientnet_b00"], "unknown model 'efficientnet_b00'.*; nearest: efficientnet/efficientnet_b0"),
        (["regnt"], "unknown model 'regnt'.*; nearest: regnet"),
        (["b0"], r"unknown model 'b0'.*nearest: efficientnet/.*; '\*b0\*' means every name with it"),
        (["200MF"], r"unknown model '200MF'.*nearest: .*RegNetX.*; '\*200MF\*' means every name with it"),
        (["all,vgg*"], r"no model matches 'vgg\*'.*; globs match the whole name or its second half"),
        (["qqqqqq"], "unknown model 'qqqqqq'.*; none is near it"),
    ],
)
def test_what_selects_nothing_is_refused_in_the_same_words(
    selects: Select, error: type[Exception], patterns: list[str], message: str
) -> None:
    with pytest.raises(error, match=message):
        selects(patterns)


@pytest.mark.parametrize(("selects", "error"), [USERS[0], USERS[2]])
def test_nothing_asked_is_refused_where_it_does_not_mean_all(selects: Select, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"no model named; .*`all` means every model"):
        selects([" , "])


@pytest.mark.parametrize("selects", [by_a_bundle, by_the_sides])
def test_nothing_asked_means_all_of_a_folder(selects: Select) -> None:
    assert selects([]) == selects([","]) == NAMES


def test_the_suites_are_those_of_the_zoo() -> None:
    assert tuple(zoo_selection.SUITES) == SUITES


def test_parts_are_trimmed_and_empty_ones_dropped() -> None:
    assert parts("a, b,,") == parts(["a", " b "]) == ["a", "b"]


def test_a_name_with_signs_of_a_glob_is_a_name() -> None:
    assert means("onnx/net[1]", Selectable("onnx/net[1]"))
    assert not means("", Selectable("onnx"))


def test_a_suite_without_a_model_is_told_apart_from_one_that_is_not_known() -> None:
    known = [Selectable("a/x", frozenset({"mobile"}))]
    with pytest.raises(SelectionError, match="no model of the suite 'smoke' here; it has: a/x"):
        select("smoke", known, place="here")
    with pytest.raises(SelectionError, match="which models are in the suite 'smoke' is not known here"):
        select("smoke", [Selectable("a/x")], place="here")


def test_suites_that_nobody_recorded_are_the_catalogues(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [Selectable(NET_X), Selectable("own/mine:net"), Selectable("a/b", frozenset({"smoke"}))]
    found = with_suites(models, ["smoke"])
    assert [model.suites for model in found] == [frozenset(SUITES_OF[NET_X]), frozenset(), frozenset({"smoke"})]
    assert with_suites(models, ["all", "regnet"]) == models, "nobody asks for a suite"
    for name in ("zoo", "zoo.catalog.reader", "zoo.selection"):
        monkeypatch.setitem(sys.modules, name, None)
    assert with_suites(models, ["smoke"]) == models


def _series(name: str) -> Series:
    source, _, variant = name.partition("/")
    path = f"{variant}.onnx"
    return Series(name, source, variant, "onnxruntime", "fp32", 1, artifact_path=path, artifact_sha256="d")


def test_suites_of_run_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "series.json").write_text(json.dumps([_series(name).to_json() for name in NAMES]))
    side = read_side(tmp_path, FileSettings(OnnxRuntimeBackend(), "fp32", AskedShapes(), "", tmp_path))
    assert [found.model for found in pairings(side, side, ["mobile"])] == [B0, TF_B0, NET_X]
    for name in ("zoo", "zoo.catalog.reader", "zoo.selection"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ComparisonError, match="the suite 'mobile' is not known here, without the zoo's catalogue"):
        pairings(side, side, ["mobile"])
    # What a bundle recorded holds of the same model on the other side.
    bundled = [dataclasses.replace(one, suites=frozenset(SUITES_OF[one.model])) for one in side]
    paired = pairings(side, bundled, ["mobile"])
    assert [found.model for found in paired] == [B0, TF_B0, NET_X]
    assert unpaired(side, bundled, ["mobile"], paired) == []
