"""Environments that only look like those of other versions: this interpreter, with another version stated."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.comparison import gate_setup
from harness.comparison.duet import Interpreters
from harness.comparison.pair import Conditions, Pairing, PairResult
from harness.sweep import environments
from harness.sweep.environments import FOLDER_NAME, RECORD_NAME
from harness.sweep.installing import python_of

PretendEnvironment = Callable[..., Path]


def write_environment(cache_dir: Path, version: str, *, runs: str = "", refuses: str = "") -> Path:
    """An environment of ONNX Runtime in the cache.

    Args:
        cache_dir: the cache.
        version: which it is kept as.
        runs: the version that its runtime states, by default the same.
        refuses: what its runtime says instead of loading a file; empty if it loads.
    """
    folder = cache_dir / FOLDER_NAME / environments._name("onnxruntime", version)
    site, python = folder / "site", python_of(folder)
    site.mkdir(parents=True)
    patch = f"import onnxruntime\nonnxruntime.__version__ = {runs or version!r}\n"
    if refuses:
        patch += f"def refuse(*_, **__):\n    raise RuntimeError({refuses!r})\nonnxruntime.InferenceSession = refuse\n"
    (site / "sitecustomize.py").write_text(patch)
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    record = {
        "package": "onnxruntime",
        "version": version,
        "packages": {"onnxruntime": version, "numpy": "2.0.0"},
        "size_mib": 1.0,
        "install_s": 1.0,
    }
    (folder / RECORD_NAME).write_text(json.dumps(record))
    return folder


@pytest.fixture
def pretend_environment() -> PretendEnvironment:
    return write_environment


@pytest.fixture
def change_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, str]]]:
    """Replaces pairs of two environments by ones in which each version takes a given time; lists what was measured.

    The environments are named by the versions. With `stop_at`, Ctrl-C is pressed in the pair of that number.
    """
    measured: list[tuple[str, str]] = []

    def change(times_ms: dict[str, float], stop_at: int | None = None) -> list[tuple[str, str]]:
        def pair(
            pairing: Pairing, conditions: Conditions, interpreters: Interpreters, *, seed: int, swapped: bool
        ) -> PairResult:
            if stop_at == len(measured) + 1:
                raise KeyboardInterrupt
            older, newer = (python.parents[1].name.split("-")[1] for python in (interpreters.base, interpreters.new))
            measured.append((older, newer))
            import math

            noise = seed % 7 / 10000
            ratio = math.log(times_ms[newer] / times_ms[older]) + noise
            return PairResult("ok", log_ratio=ratio, base_median_ms=times_ms[older], new_median_ms=times_ms[newer])

        monkeypatch.setattr(gate_setup, "measure_duet", pair)
        return measured

    return change
