"""Rows of a table as plain dictionaries."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.records import records


def test_missing_values_are_none_and_the_others_are_python_s() -> None:
    table = pd.DataFrame(
        {
            "text": ["a", None],
            "number": [1.5, np.nan],
            "whole": pd.array([3, None], dtype="Int64"),
            "flag": [True, False],
        },
        index=[7, 3],
    )
    found = records(table)
    assert found == [
        {"text": "a", "number": 1.5, "whole": 3, "flag": True},
        {"text": None, "number": None, "whole": None, "flag": False},
    ]
    assert [type(value) for value in found[0].values()] == [str, float, int, bool]


def test_a_table_without_rows_has_none() -> None:
    assert records(pd.DataFrame({"text": []})) == []
