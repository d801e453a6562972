"""What is made of the figures, and one real pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import tensorrt_rtx_overhead as overhead
from benchmarks.tensorrt_rtx_overhead import Build, Subject
from foundation.digests import file_sha256
from harness import backends


def pair(ratio: float, project: str = "a", bare: str = "a") -> dict[str, Build]:
    return {"project": Build(ratio, 3.0, 2.0, 330.0, project), "bare": Build(1.0, 2.0, 1.0, 300.0, bare)}


def test_the_ratio_is_the_projects_figure_over_the_bare_one() -> None:
    pairs = [pair(1.01), pair(1.03), pair(1.02)]
    assert overhead.ratio_text(pairs[:1], "memory_peak_mib") == "1.100"
    text = overhead.ratio_text(pairs, "inside_s")
    low, high = (float(end) for end in text.partition("[")[2].rstrip("]").split(", "))
    assert text.startswith("1.020 [")
    assert 0.9 < low < 1.01 < 1.03 < high < 1.1
    assert overhead.median_text(pairs, "inside_s") == "1.02 s / 1.00 s"
    assert overhead.median_text(pairs, "memory_peak_mib") == "330 MiB / 300 MiB"


def test_an_engine_that_differs_is_named() -> None:
    same = {"twice in one process": {"a"}}
    assert overhead.equality_text([pair(1), pair(1)], same) == "equal"
    assert overhead.equality_text([pair(1), pair(1, project="b")], same) == "differ: project"
    assert overhead.equality_text([pair(1), pair(1, bare="b")], same) == "differ: bare"
    assert overhead.equality_text([pair(1)], {"twice in one process": {"a", "b"}}) == "differ: twice in one process"


@pytest.mark.skipif(
    not backends.get("tensorrt-rtx").build_availability().usable, reason="TensorRT for RTX is not installed"
)
@pytest.mark.parametrize("clock", ["", overhead.PROCESSOR_CLOCK])
def test_both_sides_build_the_same_engine(tiny_onnx: Any, clock: str) -> None:
    path: Path = tiny_onnx()
    subject = Subject(path, file_sha256(path), "fp32", clock)
    found = subject.pair()
    assert found["project"].engine_sha256 == found["bare"].engine_sha256
    assert all(build.inside_s > 0 and build.wall_s > 0 for build in found.values())
    assert all(build.memory_peak_mib > 50 for build in found.values())
    assert overhead.equality_text([found], subject.other_engines()) == "equal"
