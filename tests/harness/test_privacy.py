"""What a measured process leaves and starts besides its measurement: nothing.

Real processes, with an empty home, cache, configuration, temporary and current folder.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from harness.processes.launcher import run_trial
from harness.processes.trial import TrialJob

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ROOT = Path(__file__).parents[2]

KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""Variables that the processes inherit: not, for example, CI, which alone silences ONNX Runtime."""

FOLDERS = {"HOME": "home", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config", "TMPDIR": "tmp"}

WATCH = """
import atexit, json, os, sys, threading, time

threads, sockets, ended = set(), set(), threading.Event()

def look():
    tasks = set(os.listdir("/proc/self/task")) - {str(os.getpid()), str(threading.get_native_id())}
    threads.update(tasks)
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + number)
        except OSError:
            continue
        if target.startswith("socket:"):
            sockets.add(target)

def watch():
    while not ended.wait(0.002):
        look()

def report():
    ended.set()
    watcher.join()
    with open(os.environ["WATCH_REPORT"], "w") as file:
        json.dump({"threads": len(threads), "sockets": len(sockets)}, file)

if "harness.processes.trial_worker" in sys.orig_argv:
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    atexit.register(report)
"""
"""Counts the threads and sockets that a trial's process ever has, besides its main thread and the one that counts."""

QUIET = {"threads": 0, "sockets": 0, "files": []}


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes every folder empty in which a library might leave something, and returns their parent."""
    parent = tmp_path / "fresh"
    for variable in set(os.environ) - set(KEPT):
        monkeypatch.delenv(variable)
    for variable, folder in FOLDERS.items():
        (parent / folder).mkdir(parents=True)
        monkeypatch.setenv(variable, str(parent / folder))
    (parent / "current").mkdir()
    monkeypatch.chdir(parent / "current")
    # Otherwise numpy's library of linear algebra starts a thread for every core.
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return parent


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


Observe = Callable[..., dict[str, Any]]


@pytest.fixture
def observe(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observe:
    """Runs a trial and returns the numbers of its threads and sockets, and the files that it left."""
    site, work = tmp_path / "site", tmp_path / "work"
    site.mkdir()
    work.mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{ROOT}")
    monkeypatch.setenv("WATCH_REPORT", str(tmp_path / "watched.json"))

    def run(job: TrialJob, dependency: str = "") -> dict[str, Any]:
        (site / "sitecustomize.py").write_text(WATCH + dependency)
        result = run_trial(job, timeout_s=120, work_dir=work)
        assert result.status == "ok", result.reason
        assert files_in(work) == []
        return {**json.loads((tmp_path / "watched.json").read_text()), "files": files_in(fresh)}

    return run


def with_threads(job: TrialJob, threads: int) -> TrialJob:
    sides = (dataclasses.replace(side, threads=threads) for side in (job.first, job.second))
    return dataclasses.replace(job, **dict(zip(("first", "second"), sides, strict=True)))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_trial_has_only_the_threads_of_its_sessions_and_leaves_no_file(
    observe: Observe, quick_job: TrialJob, threads: int
) -> None:
    """A session's pool has one thread fewer than `threads`, since the calling thread computes too."""
    assert observe(with_threads(quick_job, threads)) == {**QUIET, "threads": 2 * (threads - 1)}


@pytest.mark.skipif(
    tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29), reason="this version has no telemetry"
)
def test_telemetry_of_onnxruntime_would_be_noticed(
    observe: Observe, quick_job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    seen = observe(quick_job)
    assert seen["threads"] >= 1
    assert "cache/Microsoft/DeveloperTools/.onnxruntime/deviceid" in seen["files"]
    assert any(name.startswith("tmp/mat-debug-") for name in seen["files"])


@pytest.mark.parametrize(
    ("dependency", "noticed"),
    [
        ("threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", {"threads": 1}),
        ("import socket; kept = socket.socket()", {"sockets": 1}),
        *(
            (f"open(os.path.join(os.environ[{variable!r}], 'id'), 'w').close()", {"files": [f"{folder}/id"]})
            for variable, folder in FOLDERS.items()
        ),
        ("open('id', 'w').close()", {"files": ["current/id"]}),
    ],
)
def test_what_a_new_dependency_brings_would_be_noticed(
    observe: Observe, quick_job: TrialJob, dependency: str, noticed: dict[str, Any]
) -> None:
    assert observe(quick_job, f"\nif 'harness.processes.trial_worker' in sys.orig_argv:\n    {dependency}\n") == {
        **QUIET,
        **noticed,
    }


def test_a_run_writes_its_cache_and_its_results_alone(fresh: Path, converted: Any, write_bundle: Any) -> None:
    bundle = write_bundle(converted())
    command = [sys.executable, "-m", "harness", "run", "--artifacts", str(bundle), "--output", "results"]
    quick = ["--rounds", "1", "--block-ms", "2", "--block-groups", "1"]
    ended = subprocess.run([*command, *quick], capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    # The picture's library keeps its list of fonts (docs/privacy.md).
    allowed = ("current/results/", "cache/baseline-zoo/", "cache/matplotlib/fontlist")
    assert [name for name in files_in(fresh) if not name.startswith(allowed)] == []
    run = json.loads((fresh / "current" / "results" / "run.json").read_text())
    assert run["environment"]["telemetry"] == "off"
