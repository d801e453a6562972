"""The data that the page shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.records.schema import COLUMN_NAMES
from reports.html.payload import clean, payload
from reports.runs import load_runs
from tests.fakes.published import stated

MakeRun = Callable[..., Path]


@pytest.fixture
def facts(two_runs: list[Path]) -> dict[str, Any]:
    return payload(load_runs(two_runs))


def _rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(facts["rows"]["names"], values, strict=True)) for values in facts["rows"]["values"]]


def test_it_is_json_and_has_every_row(facts: dict[str, Any]) -> None:
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert len(facts["rows"]["values"]) == 34 + 1 + 2 * 33 + 1
    assert set(facts["rows"]["names"]) - set(COLUMN_NAMES) == {
        "frontiers", "comparable", "accuracy_percent", "accuracy_kind", "other_data", "disturbed", "group", "rank",
        "exporter_name", "label",
    }  # fmt: skip


def test_ranks_frontier_and_disturbance_are_computed_by_group(facts: dict[str, Any]) -> None:
    rows = _rows(facts)
    assert [(group["environment_id"], group["apart"]) for group in facts["groups"]] == [
        ("e1", []),
        ("e2", ["fp32"]),
        ("e2", ["fp16"]),
    ]
    for position, count in ((0, 34), (1, 33), (2, 33)):
        members = [row for row in rows if row["group"] == position]
        assert [row["rank"] for row in members] == list(range(1, count + 1))
        assert sorted(row["latency_median_ms"] for row in members) == [row["latency_median_ms"] for row in members]
        assert members[0]["frontiers"] == ["imagenet-1k", "any"]
        assert not all(row["frontiers"] for row in members)
    assert [row["model"] for row in rows if row["disturbed"]] == ["gamma/net-05"]


def test_failed_rows_come_last_with_their_reason_and_no_rank(facts: dict[str, Any]) -> None:
    failed = [row for row in _rows(facts) if row["status"] != "ok"]
    assert [row["status"] for row in failed] == ["out_of_memory", "unsupported"]
    assert "</script>" in failed[0]["reason"]
    assert {row["rank"] for row in failed} == {row["frontiers"] for row in failed} == {None}
    assert _rows(facts)[-2:] == failed


def test_each_environment_has_its_banner_and_its_runs(facts: dict[str, Any]) -> None:
    cpu, gpu = facts["environments"]
    assert (cpu["device"], gpu["device"]) == ("a processor", "a GPU")
    assert cpu["facts"]["rows"] == "34 ok, 1 out_of_memory"
    assert [run["name"] for run in gpu["runs"]] == ["gpu"]
    assert cpu["all_facts"]["environment: governor"] == "performance"


def test_precisions_are_compared_within_their_environment(facts: dict[str, Any]) -> None:
    assert len(facts["effects"]["precision"]) == 33
    assert {(e["environment_id"], e["base"], e["other"]) for e in facts["effects"]["precision"]} == {
        ("e2", "fp32", "fp16")
    }
    assert facts["effects"]["exporter"] == []


def test_environments_are_compared_once_for_each_precision(facts: dict[str, Any]) -> None:
    assert [(c["first"]["precision"], c["second"]["precision"]) for c in facts["ranks"]] == [
        ("fp32", "fp32"),
        ("fp32", "fp16"),
    ]
    assert 0 < facts["ranks"][0]["kendall_tau"] < 1


def test_it_has_the_frontier_for_each_choice_of_training_data(make_run: MakeRun) -> None:
    def row(name: str, latency_ms: float, percent: float, data: str) -> dict[str, Any]:
        accuracy = {"accuracy_published_top1_percent": percent, "accuracy_published_training_data": data}
        return {"model": f"a/{name}", "latency_median_ms": latency_ms, **accuracy}

    rows = [
        row("more", 4.0, 80.0, "ImageNet-1k + ImageNet-12k"), row("usual", 5.0, 75.0, "ImageNet-1k"),
        row("beaten", 6.0, 74.0, "ImageNet-1k"),
    ]  # fmt: skip
    facts = payload(load_runs([make_run("one", rows)]), "any")
    assert facts["training"] == "any"
    shown = {row["model"]: (row["frontiers"], row["other_data"], row["label"]) for row in _rows(facts)}
    assert shown == {
        # Both have labels, of which the page shows those on the frontier that is chosen.
        "a/more": (["any"], True, "more"),
        "a/usual": (["imagenet-1k"], False, "usual"),
        "a/beaten": ([], False, ""),
    }
    (group,) = facts["groups"]
    assert (group["usual_data"], group["other_data"]) == ("ImageNet-1k", "also saw ImageNet-12k")
    assert "among networks that learned from ImageNet-1k alone" in " ".join(group["frontier_notes"]["imagenet-1k"])
    assert "among all networks" in " ".join(group["frontier_notes"]["any"])


def test_it_has_published_latencies_and_groups_for_each_choice_of_training_data(make_run: MakeRun) -> None:
    figures = {"a": (1.0, 70.0), "b": (3.0, 74.0), "c": (2.0, 75.0)}
    accuracy = "accuracy_published_top1_percent"
    run = make_run("one", [{"model": f"s/{n}", "latency_median_ms": ms, accuracy: p} for n, (ms, p) in figures.items()])
    series = stated("a phone", {"a": 5.0, "b": 8.0, "c": 20.0}, target="a phone").values()
    (run / "series.json").write_text(json.dumps([one.to_json() for one in series]))
    facts = payload(load_runs([run]))
    (comparison,) = facts["published"]
    assert comparison["kendall_tau"] == pytest.approx(1 / 3)
    assert comparison["places"][1] == {
        "model": "s/b", "published_ms": 8.0, "measured_ms": 3.0, "published_rank": 2.0, "measured_rank": 3.0,
    }  # fmt: skip
    assert {training: [g["on_frontier"] for g in groups] for training, groups in facts["searched"].items()} == {
        "imagenet-1k": [["s/a", "s/c"]],
        "any": [["s/a", "s/c"]],
    }


def test_columns_without_a_value_are_left_out(facts: dict[str, Any]) -> None:
    assert "gpu_power_w" not in facts["rows"]["names"]
    assert "latency_median_ms" in facts["rows"]["names"]


def test_what_json_cannot_represent_is_none() -> None:
    assert clean({"a": (float("nan"), float("inf"), 1.5), 2: [None, True]}) == {
        "a": [None, None, 1.5],
        "2": [None, True],
    }
