"""Which row shows whose trials, over sessions that select other models in another order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from harness.records.series import Series
from harness.records.sharing import measured_as


def series(model: str, artifact: str = "one", **facts: Any) -> Series:
    known = {"backend": "onnxruntime", "precision": "fp32", "batch": 1, **facts}
    return Series(f"s/{model}", "s", model, artifact_sha256=artifact, artifact_path=f"{model}.onnx", **known)


A, B, C = series("a"), series("b"), series("c")


def shown(members: Iterable[Series], *measured: Series) -> dict[str, str]:
    found = measured_as(members, dict.fromkeys(one.key for one in measured))
    return {key.split("|")[0].removeprefix("s/"): owner.variant for key, owner in found.items()}


def test_before_any_trial_the_first_of_the_plan_is_measured() -> None:
    assert shown([A, B, C]) == {"a": "a", "b": "a", "c": "a"}
    assert shown([B, A, C]) == {"a": "b", "b": "b", "c": "b"}


def test_a_measured_series_stays_the_one_whatever_the_plan() -> None:
    for plan in ([A, B, C], [C, B, A], [A, C, B]):
        assert shown(plan, B) == {"a": "b", "b": "b", "c": "b"}


def test_rows_with_trials_of_their_own_keep_them() -> None:
    assert shown([A, B], A, B) == {"a": "a", "b": "b"}
    # A third one shows those of the series that was measured first, in any order of the plan.
    assert shown([A, B, C], B, A) == shown([C, A, B], B, A) == {"a": "a", "b": "b", "c": "b"}


@pytest.mark.parametrize(
    "facts",
    [{"artifact": "two"}, {"backend": "tensorrt"}, {"precision": "fp16"}, {"batch": 8}],
    ids=lambda facts: next(iter(facts)),
)
def test_what_differs_in_anything_that_is_measured_shares_nothing(facts: dict[str, Any]) -> None:
    assert shown([A, series("b", **facts)], A) == {"a": "a", "b": "b"}


def test_series_without_an_artifact_share_nothing() -> None:
    failed = [series(name, "", status="failed", reason="why") for name in "ab"]
    assert shown(failed) == {"a": "a", "b": "b"}


def test_a_series_that_cannot_be_measured_is_measured_for_none() -> None:
    broken = series("a", status="unsupported", reason="no kernel")
    assert shown([broken, B, C]) == {"a": "b", "b": "b", "c": "b"}


def test_trials_of_a_series_that_the_run_no_longer_lists_are_nobodys() -> None:
    assert shown([B, C], A) == {"b": "b", "c": "b"}
