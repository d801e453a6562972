from __future__ import annotations

import sys
from pathlib import Path

import pytest

from converters import ArtifactStore
from foundation.cache import default_cache_dir
from zoo.checkpoints import FetchSettings


def test_it_is_where_the_converters_keep_their_artifacts() -> None:
    assert ArtifactStore().root.parent == default_cache_dir()


def test_it_is_where_the_zoo_keeps_its_checkpoints() -> None:
    assert FetchSettings().folder.parent == default_cache_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is installed")
@pytest.mark.parametrize("named", ["", "/somewhere/else", None])
def test_without_platformdirs_it_is_the_same_place(monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if named is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    expected = default_cache_dir()
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert default_cache_dir() == expected
    assert expected.parent == Path(named or Path.home() / ".cache")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is installed")
@pytest.mark.parametrize("named", ["relative/path", "~/cache", " /padded ", "."])
def test_without_platformdirs_a_path_that_is_not_absolute_is_ignored(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert default_cache_dir().parent == Path.home() / ".cache"
