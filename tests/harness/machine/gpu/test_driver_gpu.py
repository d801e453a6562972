"""The driver and the timing on a real GPU: values arrive, and times agree with the host's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from harness.machine.gpu import calls
from harness.machine.gpu.driver import CudaDriver, CudaError, CudaOutOfMemoryError, NoGpuError
from harness.machine.gpu.settings import GpuSettings
from harness.timing.cuda_events import GpuTimer

pytestmark = pytest.mark.gpu

BYTES = 64 * 1024 * 1024

# Bounds of a copy's rate on any machine: one lane of PCI Express, and NVLink between processor and GPU.
SLOWEST_GB_S, FASTEST_GB_S = 0.1, 2000.0


@pytest.fixture(params=["bindings", "ctypes"])
def driver(request: pytest.FixtureRequest) -> Iterator[CudaDriver]:
    if request.param == "ctypes":
        caller: calls.Caller | None = calls.CtypesCaller(calls.load_library())
    else:
        caller = calls.bindings_caller()
    if caller is None:
        pytest.skip("cuda-bindings is not installed, or newer than the driver.")
    with CudaDriver(0, caller) as driver:
        yield driver


class Copies:
    """Two arrays in page-locked memory, and one on the device."""

    def __init__(self, driver: CudaDriver) -> None:
        self.driver = driver
        self.stream = driver.stream()
        self.there, self.back = driver.pinned((BYTES,), np.uint8), driver.pinned((BYTES,), np.uint8)
        self.there[:] = np.random.default_rng(0).integers(0, 256, BYTES, dtype=np.uint8)
        self.pointer = driver.allocate(BYTES)

    def copy_in(self) -> None:
        self.driver.copy_to_device(self.pointer, self.there, self.stream)

    def copy_out(self) -> None:
        self.driver.copy_to_host(self.back, self.pointer, self.stream)

    def elapsed_ms(self, count: int, spin: bool = False) -> float:
        first, last = self.driver.event(spin), self.driver.event(spin)
        self.driver.record(first, self.stream)
        for _ in range(count):
            self.copy_in()
        self.driver.record(last, self.stream)
        self.driver.wait(last)
        return self.driver.elapsed_ms(first, last)


def test_the_device_describes_itself(driver: CudaDriver) -> None:
    free_mib, total_mib = driver.memory_mib()
    assert "\0" not in driver.name
    assert driver.name.strip()
    assert driver.compute_capability >= (5, 0)
    assert 11040 <= driver.cuda_version < 100000
    assert 0 < free_mib <= total_mib
    assert total_mib == pytest.approx(driver.total_mib, rel=0.05)


def test_what_is_copied_to_the_device_comes_back(driver: CudaDriver) -> None:
    copies = Copies(driver)
    copies.copy_in()
    copies.copy_out()
    driver.synchronise(copies.stream)
    np.testing.assert_array_equal(copies.back, copies.there)


@pytest.mark.parametrize("spin", [False, True])
def test_the_time_between_events_is_that_of_the_copies_between(driver: CudaDriver, spin: bool) -> None:
    copies = Copies(driver)
    copies.elapsed_ms(1, spin)
    one_ms = min(copies.elapsed_ms(1, spin) for _ in range(5))
    begin_s = time.perf_counter()
    ten_ms = copies.elapsed_ms(10, spin)
    host_ms = 1000 * (time.perf_counter() - begin_s)
    assert BYTES / FASTEST_GB_S / 1e6 < one_ms < BYTES / SLOWEST_GB_S / 1e6
    assert 5 * one_ms < ten_ms < 50 * one_ms
    # The GPU's time lies within the time that the host waited; events resolve half a microsecond.
    assert ten_ms <= host_ms + 0.01


def test_a_wait_returns_when_the_values_have_arrived(driver: CudaDriver) -> None:
    copies = Copies(driver)
    for spin in (False, True):
        done = driver.event(spin)
        copies.there[-1] ^= 0xFF
        copies.copy_in()
        copies.copy_out()
        driver.record(done, copies.stream)
        driver.wait(done)
        assert copies.back[-1] == copies.there[-1]


def test_a_graph_runs_when_it_is_launched_and_reads_memory_then(driver: CudaDriver) -> None:
    copies = Copies(driver)

    def enqueue() -> None:
        copies.copy_in()
        copies.copy_out()

    graph = driver.capture(copies.stream, enqueue)
    driver.synchronise(copies.stream)
    assert not copies.back.any()
    for value in (3, 4):
        copies.there[:] = value
        driver.launch(graph, copies.stream)
        driver.synchronise(copies.stream)
        assert (copies.back == value).all()


def test_what_waits_cannot_be_captured_and_leaves_the_stream_usable(driver: CudaDriver) -> None:
    copies = Copies(driver)
    with pytest.raises(CudaError, match="CAPTURE"):
        driver.capture(copies.stream, lambda: driver.synchronise(copies.stream))
    copies.copy_in()
    driver.synchronise(copies.stream)


def test_too_large_an_allocation_leaves_the_device_usable(driver: CudaDriver) -> None:
    with pytest.raises(CudaOutOfMemoryError, match="out of memory"):
        driver.allocate(int(4 * driver.total_mib * 1024 * 1024))
    driver.free(driver.allocate(1024))


def test_closing_frees_memory() -> None:
    with CudaDriver.open(0) as outer:
        before_mib, _ = outer.memory_mib()
        inner = CudaDriver.open(0)
        inner.allocate(1024 * 1024 * 1024)
        assert before_mib - outer.memory_mib()[0] > 900
        inner.close()
        assert abs(before_mib - outer.memory_mib()[0]) < 100


def test_a_missing_device_is_reported_with_the_available_ones() -> None:
    with pytest.raises(NoGpuError, match="There is no GPU 999"):
        CudaDriver.open(999)


@pytest.mark.parametrize("cuda_graph", [False, True])
@pytest.mark.parametrize("wait", ["block", "spin"])
def test_the_timer_agrees_with_events_around_the_same_work(driver: CudaDriver, cuda_graph: bool, wait: str) -> None:
    """A copy of 64 MiB takes milliseconds; launching it is negligible."""
    copies = Copies(driver)
    copies.elapsed_ms(3)
    expected_ms = copies.elapsed_ms(20) / 20
    settings = GpuSettings(cuda_graph=cuda_graph, wait=wait)
    timer = GpuTimer(driver, copies.stream, copies.copy_in, settings)
    timer.infer()
    latencies_ns = np.zeros(20, dtype=np.int64)
    timer.time_block(latencies_ns)
    median_ms = float(np.median(latencies_ns)) / 1e6
    assert median_ms == pytest.approx(expected_ms, rel=0.15)
    figures = timer.figures(copies.copy_in, copies.copy_out, images_per_inference=1)
    assert figures.throughput_images_per_s == pytest.approx(1000 / median_ms, rel=0.15)
    assert figures.input_copy_median_ms == pytest.approx(median_ms, rel=0.3)
    assert figures.latency_host_median_ms is not None
    assert figures.latency_host_median_ms > 2 * median_ms
    assert figures.enqueue_median_ms is not None
    assert 0 < figures.enqueue_median_ms < median_ms
