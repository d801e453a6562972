"""Networks searched for one device on the frontier of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas
import pytest

from reports.searched_for import searched_groups
from reports.training import ALONE, ANY
from tests.fakes.published import stated

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

PHONE = stated("a phone", dict.fromkeys("abc"), target="a phone")
GPU = stated("a GPU", {"d": None}, target="a GPU")
OPEN = stated("a GPU", {"e": 3.0})
FIGURES = {"a": (1.0, 70.0), "b": (3.0, 74.0), "c": (8.0, 75.0), "d": (2.0, 75.0), "e": (4.0, 80.0), "f": (9.0, 71.0)}
"""Latency and accuracy; a, d and e are the frontier. d is at least as accurate as b and c, and faster."""


def _rows(**values: Any) -> list[dict[str, Any]]:
    return [
        {"model": f"s/{name}", "latency_median_ms": ms, "accuracy_published_top1_percent": top1, **values}
        for name, (ms, top1) in FIGURES.items()
    ]


def test_groups_have_their_members_on_the_frontier_and_how_far_the_others_are(make_rows: MakeRows) -> None:
    found = searched_groups(make_rows(_rows()), {**PHONE, **GPU, **OPEN}, ALONE)
    assert [(one.target, one.source, one.networks, one.on_frontier) for one in found] == [
        ("a GPU", "s", 1, ("s/d",)),
        ("a phone", "s", 3, ("s/a",)),
        ("", "", 2, ("s/e",)),
    ]
    assert [one.excess_percent for one in found] == [
        None,
        # b takes 3 ms and c 8 ms where d takes 2.
        pytest.approx((50 + 300) / 2),
        pytest.approx(350),
    ]


def test_the_frontier_is_among_networks_of_the_training_that_is_chosen(make_rows: MakeRows) -> None:
    rows = _rows(accuracy_published_training_data="ImageNet-1k")
    rows[3]["accuracy_published_training_data"] = "ImageNet-1k + JFT-300M (unlabelled)"
    phone, _ = searched_groups(make_rows(rows), {**PHONE, **GPU}, ALONE)
    assert (phone.target, phone.on_frontier) == ("a phone", ("s/a", "s/b"))
    assert [one.target for one in searched_groups(make_rows(rows), {**PHONE, **GPU}, ANY)] == ["a GPU", "a phone", ""]


def test_each_configuration_has_its_own_frontier(make_rows: MakeRows) -> None:
    half = [{**row, "precision": "fp16", "latency_median_ms": 0.1} for row in _rows()[2:3]]
    found = searched_groups(make_rows([*_rows(), *half]), PHONE, ALONE)
    assert [(one.measured.precision, one.target, one.on_frontier) for one in found] == [
        ("fp32", "a phone", ("s/a",)),
        ("fp32", "", ("s/d", "s/e")),
        ("fp16", "a phone", ("s/c",)),
    ]


def test_without_a_network_that_was_searched_for_something_there_is_nothing(make_rows: MakeRows) -> None:
    assert searched_groups(make_rows(_rows()), OPEN, ALONE) == []
    without_accuracy = [{**row, "accuracy_published_top1_percent": None} for row in _rows()]
    assert searched_groups(make_rows(without_accuracy), PHONE, ALONE) == []
