from __future__ import annotations

import sys
from pathlib import Path

import pytest

from converters.artifact import default_cache_dir as converters_cache_dir
from foundation.cache import default_cache_dir


def test_it_is_where_the_converters_keep_their_artifacts() -> None:
    assert default_cache_dir() == converters_cache_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is installed")
@pytest.mark.parametrize("named", ["", "/somewhere/else", None])
def test_without_platformdirs_it_is_the_same_place(monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if named is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    expected = converters_cache_dir()
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert default_cache_dir() == expected
    assert expected.parent == Path(named or Path.home() / ".cache")
