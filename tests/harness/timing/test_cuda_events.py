"""Timing on a scripted GPU, whose every duration is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.machine.gpu.driver import CudaError, CudaOutOfMemoryError
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings
from harness.timing.cuda_events import GpuTimer, find_warnings
from tests.fakes.cuda import FakeCudaDriver

CALL_NS = 1_000
ENQUEUE_NS = 10_000
KERNEL_NS = 500_000
IMAGES_BYTES = 400_000
LOGITS_BYTES = 40_000
BANDWIDTH_GB_S = 10.0  # bytes per ns


class Bench:
    """A network on a scripted GPU, with its timer."""

    def __init__(self, kernel_ns: float | Callable[[int], float] = KERNEL_NS, **settings: object) -> None:
        self.driver = FakeCudaDriver(
            call_ns=CALL_NS, enqueue_ns=ENQUEUE_NS, kernel_ns=kernel_ns, bandwidth_gb_s=BANDWIDTH_GB_S
        )
        self.stream = self.driver.stream()
        self.images = self.driver.pinned((IMAGES_BYTES,), np.uint8)
        self.logits = self.driver.pinned((LOGITS_BYTES,), np.uint8)
        self.memory = self.driver.allocate(IMAGES_BYTES)
        self.timer = GpuTimer(
            self.driver,
            self.stream,
            lambda: self.driver.kernel(self.stream),
            GpuSettings(**settings),
            clock_ns=self.driver.clock,
        )
        self.driver.calls.clear()

    def block(self, count: int) -> list[int]:
        latencies_ns = np.zeros(count, dtype=np.int64)
        self.timer.time_block(latencies_ns)
        return latencies_ns.tolist()

    def figures(self, images: int = 1) -> GpuFigures:
        return self.timer.figures(
            lambda: self.driver.copy_to_device(self.memory, self.images, self.stream),
            lambda: self.driver.copy_to_host(self.logits, self.memory, self.stream),
            images,
        )


def test_a_block_holds_the_time_of_each_kernel_in_its_place() -> None:
    bench = Bench(kernel_ns=lambda number: 400_000 + 1_000 * number)
    # The first inference finds an idle GPU, which waits while it is being enqueued.
    first, *others = bench.block(6)
    assert first == 400_000 + ENQUEUE_NS
    assert others == [401_000, 402_000, 403_000, 404_000, 405_000]


def test_the_host_waits_for_the_oldest_of_two_by_default() -> None:
    bench = Bench()
    bench.block(4)
    one = ["record", "kernel", "record"]
    wait = ["wait", "elapsed_ms"]
    assert bench.driver.calls == [*one, *one, *wait, *one, *wait, *one, *wait, *wait]


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_the_queue_depth_is_the_number_of_inferences_in_flight(depth: int) -> None:
    bench = Bench(queue_depth=depth)
    assert len(bench.block(5)) == 5
    under_way = most = 0
    for call in bench.driver.calls:
        under_way += (call == "kernel") - (call == "wait")
        most = max(most, under_way)
    assert most == min(depth, 5)
    assert under_way == 0


def test_a_queue_of_one_leaves_the_gpu_idle_while_an_inference_is_enqueued() -> None:
    assert Bench(queue_depth=1).block(3) == [KERNEL_NS + ENQUEUE_NS] * 3


def test_a_queue_without_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Bench(queue_depth=0)


def test_nothing_is_made_in_a_block() -> None:
    bench = Bench(cuda_graph=True)
    bench.block(3)
    bench.driver.calls.clear()
    bench.block(50)
    assert set(bench.driver.calls) == {"record", "launch", "wait", "elapsed_ms"}


def test_the_time_of_an_event_is_kept_to_the_nanosecond() -> None:
    bench = Bench(kernel_ns=lambda number: [300_000, 123_457, 987_654][number])
    assert bench.block(3)[1:] == [123_457, 987_654]


@pytest.mark.parametrize(("wait", "spins"), [("block", False), ("spin", True)])
def test_the_host_waits_as_it_is_set(wait: str, spins: bool) -> None:
    bench = Bench(wait=wait)
    bench.block(3)
    bench.figures()
    assert bool(bench.driver.spinning_events) == spins


def test_a_single_inference_returns_when_its_outputs_are_complete() -> None:
    bench = Bench()
    bench.timer.infer()
    assert bench.driver.clock.now_ns >= KERNEL_NS
    assert bench.driver.calls == ["kernel", "record", "wait"]


def test_a_graph_is_captured_once_after_a_plain_run_and_replayed() -> None:
    bench = Bench(cuda_graph=True)
    for _ in range(3):
        bench.timer.infer()
    bench.block(2)
    bench.figures()
    calls = bench.driver.calls
    assert calls[:7] == ["kernel", "record", "wait", "capture", "kernel", "launch", "record"]
    assert (calls.count("kernel"), calls.count("capture")) == (2, 1)


def test_a_graph_is_captured_after_a_plain_run_even_if_blocks_come_first() -> None:
    bench = Bench(cuda_graph=True)
    bench.block(1)
    assert bench.driver.calls[:5] == ["kernel", "record", "wait", "capture", "kernel"]


def test_no_graph_is_captured_unless_requested() -> None:
    bench = Bench()
    bench.timer.infer()
    bench.block(2)
    bench.figures()
    assert not {"capture", "launch"} & set(bench.driver.calls)


def test_what_cannot_be_captured_suggests_running_without_a_graph() -> None:
    bench = Bench(cuda_graph=True)
    bench.timer.infer()
    bench.driver.fail("kernel", CudaError("TensorRT could not enqueue."))
    with pytest.raises(CudaError, match=r"TensorRT could not enqueue\. Run without --cuda-graph\."):
        bench.timer.infer()


def test_a_graph_for_which_memory_is_short_is_out_of_memory() -> None:
    bench = Bench(cuda_graph=True)
    bench.driver.fail("capture", CudaOutOfMemoryError("out of memory"))
    with pytest.raises(CudaOutOfMemoryError):
        bench.block(1)


@pytest.mark.parametrize("method", ["record", "kernel", "wait", "elapsed_ms"])
def test_a_failure_in_a_block_is_raised_as_it_is(method: str) -> None:
    bench = Bench()
    bench.driver.fail(method, CudaError("an illegal memory access"), after=3)
    with pytest.raises(CudaError, match="an illegal memory access"):
        bench.block(10)


def test_figures_are_those_of_the_scripted_gpu() -> None:
    bench = Bench()
    bench.block(20)
    figures = bench.figures(images=8)
    assert figures.enqueue_median_ms == ENQUEUE_NS / 1e6
    # The copy in is enqueued on an idle GPU, so the host's call counts; the copy out is enqueued behind the kernel.
    assert figures.input_copy_median_ms == pytest.approx((CALL_NS + IMAGES_BYTES / BANDWIDTH_GB_S) / 1e6)
    assert figures.output_copy_median_ms == pytest.approx(LOGITS_BYTES / BANDWIDTH_GB_S / 1e6)
    # From the first call, the record before the copy in, to the end of the work; the rest is enqueued during that time.
    work_ns = (IMAGES_BYTES + LOGITS_BYTES) / BANDWIDTH_GB_S + KERNEL_NS
    assert figures.latency_host_median_ms == pytest.approx((2 * CALL_NS + work_ns) / 1e6)
    # 200 kernels fill 100 ms; the host's first record and enqueueing precede the first kernel.
    wall_ns = 200 * KERNEL_NS + CALL_NS + ENQUEUE_NS
    assert figures.throughput_images_per_s == pytest.approx(8 * 200 / (wall_ns / 1e9))
    assert (figures.cuda_graph, figures.queue_depth, figures.wait) == (False, 2, "block")
    assert figures.warnings == ()


def test_the_throughput_does_not_suffer_from_copies() -> None:
    bench = Bench()
    bench.driver.bandwidth_gb_s = 0.001
    bench.block(20)
    assert bench.figures().throughput_images_per_s == pytest.approx(1e9 / KERNEL_NS, rel=1e-3)


def test_a_slow_network_is_run_ten_times() -> None:
    bench = Bench(kernel_ns=50e6)
    bench.block(1)
    bench.driver.calls.clear()
    bench.figures()
    assert bench.driver.calls.count("kernel") == 20


def test_copies_are_real_and_in_order() -> None:
    bench = Bench()
    bench.images[:LOGITS_BYTES] = 7
    bench.block(1)
    bench.figures()
    assert (bench.logits == 7).all()


def test_a_graph_takes_the_place_of_the_inference_in_the_figures() -> None:
    bench = Bench(cuda_graph=True)
    bench.block(5)
    figures = bench.figures()
    assert figures.enqueue_median_ms == CALL_NS / 1e6
    assert figures.cuda_graph


def test_a_gpu_that_waits_for_the_host_gives_a_warning() -> None:
    bench = Bench(kernel_ns=1_000)
    bench.block(50)
    [warning] = bench.figures().warnings[:1]
    assert "to enqueue" in warning
    assert "--cuda-graph" in warning


STEADY_MS = np.full(100, 0.5)
QUIET = GpuSettings()


def test_enqueueing_gives_a_warning_above_four_fifths_of_computing() -> None:
    assert not find_warnings(STEADY_MS, 0.4, 0.0, 0.0, QUIET)
    [warning] = find_warnings(STEADY_MS, 0.41, 0.0, 0.0, QUIET)
    assert "0.410 ms to enqueue" in warning
    assert "--cuda-graph" in warning
    [warning] = find_warnings(STEADY_MS, 0.41, 0.0, 0.0, GpuSettings(cuda_graph=True))
    assert "--cuda-graph" not in warning


def test_copies_as_long_as_computing_give_a_warning() -> None:
    assert not find_warnings(STEADY_MS, 0.0, 0.49, 0.49, QUIET)
    inputs, outputs = find_warnings(STEADY_MS, 0.0, 0.5, 0.6, QUIET)
    assert "inputs to the GPU takes 0.500 ms" in inputs
    assert "outputs from the GPU takes 0.600 ms" in outputs


def test_an_unstable_time_gives_a_warning_above_two_and_a_half_percent() -> None:
    def varying(percent: float) -> np.ndarray:
        return np.tile([0.5 * (1 - percent / 100), 0.5 * (1 + percent / 100)], 50)

    assert not find_warnings(varying(2.4), 0.0, 0.0, 0.0, QUIET)
    [warning] = find_warnings(varying(2.6), 0.0, 0.0, 0.0, QUIET)
    assert "2.6 %" in warning
    assert "--lock-gpu-clocks" in warning
    assert "--spin" in warning
    [warning] = find_warnings(varying(2.6), 0.0, 0.0, 0.0, GpuSettings(wait="spin"))
    assert "--spin" not in warning


def test_the_stability_is_that_of_all_blocks() -> None:
    bench = Bench(kernel_ns=lambda number: KERNEL_NS if number < 50 else 1.1 * KERNEL_NS)
    bench.block(50)
    bench.block(50)
    [warning] = bench.figures().warnings
    assert "unstable" in warning
