"""What `benchmark_app` is given; that it runs is seen by running the benchmark."""

from __future__ import annotations

import pytest

from harness.backends.openvino import settings

pytest.importorskip("torch", reason="the benchmark converts")


def test_it_gets_every_property_in_its_own_words() -> None:
    from benchmarks import openvino_benchmark_app as app

    told = app.texts(2)
    assert told.keys() == settings.properties(2, "fp32").keys()
    assert (told["ENABLE_CPU_PINNING"], told["NUM_STREAMS"], told["INFERENCE_NUM_THREADS"]) == ("NO", "1", "2")
    found = app._MEDIAN.search("[ INFO ] Latency:\n[ INFO ]    Median:        24.94 ms\n")
    assert found is not None
    assert found[1] == "24.94"
