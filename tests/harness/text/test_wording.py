from __future__ import annotations

import pytest

from harness.text.wording import counted


@pytest.mark.parametrize(("number", "told"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1200, "1,200 rows")])
def test_one_is_told_from_many(number, told):
    assert counted(number, "row") == told
