"""Which runs may be continued, and what a refusal says."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.errors import StorageError
from harness.records.run_info import (
    RUN_INFO_NAME,
    DifferentRunError,
    RunEnvironment,
    RunInfo,
    check_continues,
    differing_facts,
    load_run_info,
)
from harness.records.schema import SCHEMA_VERSION

INFO = RunInfo(
    environment_id="e1",
    device="a processor",
    environment={"device": "a processor", "threads": 2, "versions": {"onnxruntime": "1.30.0"}},
    settings={"rounds": 3, "timing": {"block_ms": 80.0}},
    seed=7,
    reference_sha256="r" * 64,
    harness_version="0.1.0",
    created_at="2026-01-31T12:00:00+00:00",
)
DIRECTORY = Path("results")


def test_it_is_read_back(tmp_path: Path) -> None:
    (tmp_path / RUN_INFO_NAME).write_text(json.dumps(INFO.to_json()))
    assert load_run_info(tmp_path) == INFO


def test_environments_of_several_backends_are_read_back_and_taken_apart(tmp_path: Path) -> None:
    first = RunEnvironment("e1", "a processor", INFO.environment)
    other = RunEnvironment("e2", "a processor", {"threads": 2})
    both = INFO.with_environments({"onnxruntime": first, "openvino": other})
    (tmp_path / RUN_INFO_NAME).write_text(json.dumps(both.to_json()))
    found = load_run_info(tmp_path)
    assert found == both
    assert (found.environment_of("onnxruntime"), found.environment_of("openvino")) == (first, other)
    assert found.apart() == [INFO, dataclasses.replace(INFO, environment_id="e2", environment={"threads": 2})]


def test_a_run_of_one_backend_is_written_as_ever() -> None:
    assert "environments" not in INFO.to_json()
    assert INFO.apart() == [INFO]
    assert INFO.environment_of("tensorrt").environment_id == "e1"


def test_a_run_like_the_first_continues_it() -> None:
    check_continues(DIRECTORY, INFO, dataclasses.replace(INFO, harness_version="0.2.0"))
    check_continues(DIRECTORY, INFO, dataclasses.replace(INFO, settings={**INFO.settings, "rounds": 5}))


def test_another_environment_is_refused_fact_by_fact() -> None:
    environment = {"device": "a processor", "threads": 4, "versions": {"onnxruntime": "1.31.0"}}
    other = dataclasses.replace(INFO, environment_id="e2", environment=environment)
    with pytest.raises(DifferentRunError) as caught:
        check_continues(DIRECTORY, INFO, other)
    message = str(caught.value)
    assert "threads was 2, is 4; versions.onnxruntime was '1.30.0', is '1.31.0'" in message
    assert "device" not in message
    assert "another --output" in message


def test_other_timing_is_refused() -> None:
    other = dataclasses.replace(INFO, settings={"timing": {"block_ms": 40.0}})
    with pytest.raises(DifferentRunError, match=r"timing\.block_ms was 80\.0, is 40\.0"):
        check_continues(DIRECTORY, INFO, other)


def test_another_reference_network_or_seed_is_refused() -> None:
    other = dataclasses.replace(INFO, reference_sha256="s" * 64, seed=8)
    with pytest.raises(DifferentRunError, match=r"reference network was 'rrrr.*; seed was 7, is 8"):
        check_continues(DIRECTORY, INFO, other)


def test_differences_name_what_is_only_on_one_side() -> None:
    assert differing_facts({"a": 1, "b": {"c": 2}}, {"b": {"c": 2}, "d": 3}) == [("a", 1, None), ("d", None, 3)]


def test_another_schema_version_is_refused_whatever_else_it_holds(tmp_path: Path) -> None:
    (tmp_path / RUN_INFO_NAME).write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1, "harness_version": "9.0"}))
    with pytest.raises(DifferentRunError, match=rf"schema version {SCHEMA_VERSION + 1}.*harness 9\.0"):
        load_run_info(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", "[]", f'{{"schema_version": {SCHEMA_VERSION}, "new": 1}}'])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN_INFO_NAME).write_text(text)
    with pytest.raises(StorageError, match=r"run\.json is damaged"):
        load_run_info(tmp_path)


def test_a_directory_without_one_is_not_a_run_directory(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not a run directory"):
        load_run_info(tmp_path)
