from __future__ import annotations

from typing import Any

import pytest

from harness.records.run_info import RunInfo
from reports.banner import all_facts, main_facts
from tests.reports.conftest import MakeRows

OF_THE_ZOO = "weights of models of the zoo and of libraries"
SETTINGS = {
    "models": [],
    "own_models": [],
    "onnx_files": [],
    "artifacts": None,
    "weights": "probe",
    "exporter": "dynamo",
    "precision": "fp32",
}


def settings_shown(**changed: Any) -> set[str]:
    info = RunInfo("e1", "a processor", {}, {**SETTINGS, **changed}, 0, "", "0.1.0", "2026-01-01T00:00:00+00:00")
    facts = {name.removeprefix("setting: ") for name in all_facts(info)}
    return facts & {"weights", OF_THE_ZOO, "exporter", "precision"}


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"models": ["all"]}, {"weights", "exporter", "precision"}),
        ({"models": ["all"], "onnx_files": ["mine.onnx"]}, {OF_THE_ZOO, "exporter", "precision"}),
        ({"models": ["all"], "own_models": ["nets:build"]}, {OF_THE_ZOO, "exporter", "precision"}),
        # A user's function brings its weights, a file and a bundle everything.
        ({"own_models": ["nets:build"]}, {"exporter", "precision"}),
        ({"onnx_files": ["mine.onnx"]}, {"precision"}),
        ({"artifacts": "bundle", "models": ["all"]}, {"precision"}),
    ],
)
def test_settings_without_effect_are_not_shown(changed: dict[str, Any], shown: set[str]) -> None:
    assert settings_shown(**changed) == shown


def test_the_weights_are_those_of_the_rows(make_rows: MakeRows) -> None:
    rows = [{"model": "own/nets:build", "weights": "own"}, {"model": "onnx/mine", "weights": "own"}]
    assert main_facts(make_rows(rows), None)["weights"] == "the user's own"
    rows += [{"model": "a/x", "weights": "probe"}, {"model": "a/y", "status": "failed", "reason": "why", "weights": ""}]
    assert main_facts(make_rows(rows), None)["weights"] == "the user's own, seeded (probe)"
