from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InstallationError
from harness.sweep import environments
from harness.sweep.environments import EnvironmentStore
from harness.sweep.installing import python_of
from tests.harness.sweep.conftest import PretendEnvironment


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces venv and pip by the making of a folder; lists the versions that are made."""
    made: list[str] = []

    def install(folder: Path, package: str, version: str, log: Path, timeout_s: float) -> dict[str, str]:
        made.append(version)
        python_of(folder).parent.mkdir(parents=True)
        python_of(folder).write_bytes(b"x" * 2**20)
        log.write_text("pip's words")
        if version == "99.0":
            raise InstallationError(f"{package} 99.0 cannot be installed: pip could not reach a package index")
        if version == "98.0":
            raise KeyboardInterrupt
        return {package: version, "numpy": "2.0.0"}

    monkeypatch.setattr(environments, "install", install)
    return made


def folders(store: EnvironmentStore) -> list[str]:
    return sorted(path.name.split("-")[1] for path in store.folder.iterdir() if path.is_dir())


def test_an_environment_is_made_once(tmp_path: Path, installs: list[str]) -> None:
    store = EnvironmentStore(tmp_path)
    assert store.find("onnxruntime", "1.30.0") is None
    made = store.make("onnxruntime", "1.30.0", 60, print)
    assert made == store.find("onnxruntime", "1.30.0") == store.make("onnxruntime", "1.30.0", 60, print)
    assert (made.size_mib, dict(made.packages)) == (1.0, {"onnxruntime": "1.30.0", "numpy": "2.0.0"})
    assert installs == ["1.30.0"]
    assert folders(store) == ["1.30.0"]


def test_a_failure_leaves_its_log_and_says_what_is_kept(tmp_path: Path, installs: list[str]) -> None:
    store = EnvironmentStore(tmp_path)
    with pytest.raises(InstallationError, match=r"reach a package index. In the cache: no version of onnxruntime"):
        store.make("onnxruntime", "99.0", 60, print)
    for version in ("1.30.0", "1.9.0"):
        store.make("onnxruntime", version, 60, print)
    with pytest.raises(InstallationError, match=r"In the cache: onnxruntime 1.9.0, onnxruntime 1.30.0"):
        store.make("onnxruntime", "99.0", 60, print)
    assert folders(store) == ["1.30.0", "1.9.0"]
    assert [log.read_text() for log in store.folder.glob("*-99.0-*.log")] == ["pip's words"]


def test_an_interruption_leaves_nothing_half_made(tmp_path: Path, installs: list[str]) -> None:
    store = EnvironmentStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.make("onnxruntime", "98.0", 60, print)
    assert folders(store) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path, installs: list[str]) -> None:
    store = EnvironmentStore(tmp_path)
    leftover = store._temporary(environments._name("onnxruntime", "1.30.0"))
    leftover.mkdir(parents=True)
    store.make("onnxruntime", "1.30.0", 60, print)
    assert not leftover.exists()


def test_an_environment_without_its_interpreter_is_made_again(tmp_path: Path, installs: list[str]) -> None:
    store = EnvironmentStore(tmp_path)
    store.make("onnxruntime", "1.30.0", 60, print).python.unlink()
    assert store.make("onnxruntime", "1.30.0", 60, print).python.exists()
    assert installs == ["1.30.0"] * 2


def test_two_processes_do_not_make_the_same_one(
    tmp_path: Path, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "_LOCK_POLL_S", 0.01)
    store = EnvironmentStore(tmp_path)
    store.folder.mkdir(parents=True)
    lock = store._lock(environments._name("onnxruntime", "1.30.0"), print)
    said: list[str] = []
    thread = threading.Thread(target=store.make, args=("onnxruntime", "1.30.0", 60, said.append))
    thread.start()
    while not said:
        time.sleep(0.01)
    assert installs == []
    lock.release()
    thread.join()
    assert installs == ["1.30.0"]
    assert len(said) == 1
    assert "waiting for it" in said[0]


def test_environments_are_forgotten(tmp_path: Path, pretend_environment: PretendEnvironment) -> None:
    store = EnvironmentStore(tmp_path)
    for version in ("1.9.0", "1.30.0"):
        pretend_environment(tmp_path, version)
    old, new = store.kept("onnxruntime")
    assert (old.version, new.version) == ("1.9.0", "1.30.0")
    store.forget(old, print)
    assert store.kept("onnxruntime") == [new]
    assert folders(store) == ["1.30.0"]


def test_other_packages_and_damaged_records_are_not_kept(
    tmp_path: Path, pretend_environment: Callable[..., Path]
) -> None:
    store = EnvironmentStore(tmp_path)
    (pretend_environment(tmp_path, "1.30.0") / "environment.json").write_text("{")
    pretend_environment(tmp_path, "1.9.0")
    assert [one.version for one in store.kept("onnxruntime")] == ["1.9.0"]
    assert store.kept("openvino") == []
