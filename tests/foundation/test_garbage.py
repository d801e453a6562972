from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from foundation.garbage import collector_off


@pytest.fixture(params=[True, False])
def was_on(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def _fail() -> None:
    with collector_off():
        assert not gc.isenabled()
        raise ZeroDivisionError


def test_the_collector_is_off_inside_and_as_it_was_after_a_failure(was_on: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail()
    assert gc.isenabled() is was_on
