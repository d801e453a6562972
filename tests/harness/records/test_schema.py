"""The schema is consistent with itself and with its inputs."""

from __future__ import annotations

import dataclasses
import re
import typing

from foundation.vocabulary import Status
from harness.records.schema import COLUMN_NAMES, COLUMNS
from harness.records.series import NOT_IN_ROWS, Series


def test_names_are_unique_and_in_snake_case() -> None:
    assert len(set(COLUMN_NAMES)) == len(COLUMN_NAMES)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in COLUMN_NAMES)


def test_every_column_is_explained_in_a_sentence() -> None:
    assert [column.name for column in COLUMNS if not column.description.endswith(".")] == []
    assert [column.name for column in COLUMNS if "|" in column.description + column.empty_text] == []


def test_a_unit_is_in_the_name() -> None:
    suffixes = {"images/s": "_images_per_s", "ms": "_ms", "mJ": "_mj", "s": "_s", "MiB": "_mib", "%": "_percent"}

    def unit_in_the_name(name: str) -> str:
        return next((unit for unit, suffix in suffixes.items() if name.endswith(suffix)), "")

    wrong = [c.name for c in COLUMNS if unit_in_the_name(c.name) != (c.unit if c.unit in suffixes else "")]
    assert wrong == []


def test_every_fact_of_a_series_has_its_column() -> None:
    facts = {field.name for field in dataclasses.fields(Series)}
    assert facts - set(NOT_IN_ROWS) <= set(COLUMN_NAMES)
    assert set(NOT_IN_ROWS) <= facts


def test_every_status_of_a_trial_is_explained() -> None:
    (status,) = [column for column in COLUMNS if column.name == "status"]
    assert [name for name in typing.get_args(Status) if f"`{name}`" not in status.description] == []
