"""The driver's functions on the compiled fake: the calls, their results, and every failure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.machine.gpu.driver import CudaDriver, CudaError, CudaOutOfMemoryError, NoGpuError
from harness.processes import child

OpenDriver = Callable[..., CudaDriver]
Logged = Callable[[], list[str]]


def test_a_device_describes_itself(open_driver: OpenDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CUDA_DEVICES", "2")
    with open_driver(1) as driver:
        assert driver.name == "NVIDIA Fake 1"
        assert driver.compute_capability == (8, 6)
        assert driver.cuda_version == 13000
        assert driver.total_mib == 8192


def test_what_is_copied_to_the_device_comes_back(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        stream = driver.stream()
        there, back = driver.pinned((3, 5), np.float32), driver.pinned((3, 5), "float32")
        there[:] = np.arange(15).reshape(3, 5)
        pointer = driver.allocate(there.nbytes)
        driver.copy_to_device(pointer, there, stream)
        driver.copy_to_host(back, pointer, stream)
        driver.synchronise(stream)
        np.testing.assert_array_equal(back, there)


@pytest.mark.parametrize("shape", [(2, 3), (), (0, 4)])
def test_a_pinned_array_has_its_shape_and_is_zero(open_driver: OpenDriver, shape: tuple[int, ...]) -> None:
    with open_driver() as driver:
        array = driver.pinned(shape, np.float16)
        assert (array.shape, array.dtype) == (shape, np.float16)
        assert array.flags.c_contiguous
        assert not array.any()


def test_an_array_that_is_not_contiguous_is_refused(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        stream, pointer = driver.stream(), driver.allocate(64)
        array = np.zeros((4, 4), np.float32).T[1:]
        with pytest.raises(ValueError, match="ascontiguousarray"):
            driver.copy_to_device(pointer, array, stream)
        with pytest.raises(ValueError, match="ascontiguousarray"):
            driver.copy_to_host(array, pointer, stream)


def test_memory_is_counted_and_freed(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        free_mib, total_mib = driver.memory_mib()
        pointer = driver.allocate(3 * 1024 * 1024)
        assert driver.memory_mib() == (free_mib - 3, total_mib)
        driver.free(pointer)
        assert driver.memory_mib() == (free_mib, total_mib)


def test_an_allocation_of_nothing_is_one_of_a_byte(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        assert driver.allocate(0) != driver.allocate(0)


def test_out_of_memory_becomes_that_status_of_a_trial(open_driver: OpenDriver) -> None:
    with open_driver() as driver, pytest.raises(CudaOutOfMemoryError, match="smaller batch") as caught:
        driver.allocate(1 << 40)
    assert child.failure(caught.value).status == "out_of_memory"


def test_the_time_between_two_events_is_that_of_the_work_between(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        stream, array = driver.stream(), driver.pinned((250_000,), np.float32)
        pointer = driver.allocate(array.nbytes)
        first, last = driver.event(), driver.event(spin=True)
        driver.record(first, stream)
        driver.copy_to_device(pointer, array, stream)
        driver.record(last, stream)
        with pytest.raises(CudaError, match="600"):
            driver.elapsed_ms(first, last)
        driver.wait(last)
        assert driver.elapsed_ms(first, last) == pytest.approx(1.0)


def test_an_event_sleeps_or_spins_and_keeps_time_or_not(open_driver: OpenDriver, logged: Logged) -> None:
    with open_driver() as driver:
        driver.event()
        driver.event(spin=True)
        driver.event(timing=False)
        driver.event(spin=True, timing=False)
    created = [line for line in logged() if line.startswith("cuEventCreate")]
    assert created == ["cuEventCreate 1", "cuEventCreate", "cuEventCreate 3", "cuEventCreate 2"]


def test_waits_that_should_spin_do_so_whatever_the_default(open_driver: OpenDriver, logged: Logged) -> None:
    open_driver().close()
    assert logged().index("cuDevicePrimaryCtxSetFlags 1") < logged().index("cuDevicePrimaryCtxRetain")


def test_a_captured_graph_runs_when_it_is_launched(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        stream = driver.stream()
        there, back = driver.pinned((4,), np.float32), driver.pinned((4,), np.float32)
        pointer = driver.allocate(there.nbytes)

        def enqueue() -> None:
            driver.copy_to_device(pointer, there, stream)
            driver.copy_to_host(back, pointer, stream)

        graph = driver.capture(stream, enqueue)
        for value in (1, 2):
            there[:] = value
            assert (back == value - 1).all()
            driver.launch(graph, stream)
            driver.synchronise(stream)
            assert (back == value).all()


def test_what_cannot_be_captured_leaves_the_stream_usable(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        stream = driver.stream()
        with pytest.raises(CudaError, match="CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"):
            driver.capture(stream, lambda: driver.synchronise(stream))
        driver.synchronise(stream)

        def fail() -> None:
            raise RuntimeError("the runtime's own")

        with pytest.raises(RuntimeError, match="the runtime's own"):
            driver.capture(stream, fail)
        driver.synchronise(stream)
        driver.launch(driver.capture(stream, lambda: None), stream)


def test_closing_frees_everything_created(open_driver: OpenDriver, logged: Logged) -> None:
    driver = open_driver()
    stream = driver.stream()
    driver.event()
    driver.allocate(8)
    driver.free(driver.allocate(8))
    driver.pinned((2,), np.int32)
    driver.capture(stream, lambda: None)
    driver.close()
    driver.close()
    lines = [line.split()[0] for line in logged()]
    for made, freed in [
        ("cuStreamCreate", "cuStreamDestroy"),
        ("cuEventCreate", "cuEventDestroy"),
        ("cuMemAlloc", "cuMemFree"),
        ("cuMemHostAlloc", "cuMemFreeHost"),
        ("cuStreamEndCapture", "cuGraphDestroy"),
        ("cuGraphInstantiate", "cuGraphExecDestroy"),
        ("cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease"),
    ]:
        assert lines.count(made) == lines.count(freed) > 0, made
    assert lines[-1] == "cuDevicePrimaryCtxRelease"
    # Work still in progress reads and writes that memory.
    assert lines.index("cuStreamSynchronize") < lines.index("cuMemFreeHost")


def test_two_sessions_share_a_device(open_driver: OpenDriver) -> None:
    first, second = open_driver(), open_driver()
    first.close()
    second.free(second.allocate(8))
    second.close()


def test_closing_continues_after_a_failure(
    open_driver: OpenDriver, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = open_driver()
    driver.event()
    driver.stream()
    driver.allocate(8)
    monkeypatch.setenv("FAKE_CUDA_FAIL", "cuEventDestroy=700")
    driver.close()
    assert logged()[-3:] == ["cuStreamDestroy", "cuMemFree", "cuDevicePrimaryCtxRelease"]


def test_a_wrong_handle_is_an_error(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        stream = driver.stream()
        with pytest.raises(CudaError, match=r"cuEventRecord failed with CUDA_ERROR_INVALID_HANDLE \(400\)"):
            driver.record(stream, stream)


def test_an_event_without_timing_has_no_time(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        stream = driver.stream()
        events = driver.event(), driver.event(timing=False)
        for event in events:
            driver.record(event, stream)
        driver.synchronise(stream)
        with pytest.raises(CudaError, match="400"):
            driver.elapsed_ms(*events)


def test_a_failed_kernel_says_what_it_means(open_driver: OpenDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_driver() as driver:
        stream = driver.stream()
        monkeypatch.setenv("FAKE_CUDA_FAIL", "cuStreamSynchronize=700")
        with pytest.raises(CudaError, match=r"illegal memory access.*cannot use the GPU any more"):
            driver.synchronise(stream)


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ("cuInit=100", "CUDA_VISIBLE_DEVICES"),
        ("cuInit=803", "reboot"),
        ("cuInit=34", "Install the NVIDIA driver"),
        ("cuInit=36", "too old"),
        ("cuInit=46", "Another process holds the GPU"),
        ("cuDeviceGetCount=100", "CUDA_VISIBLE_DEVICES"),
        ("cuDeviceGet=101", "nvidia-smi -L"),
        ("cuDevicePrimaryCtxRetain=46", "Another process holds the GPU"),
    ],
)
def test_a_device_that_cannot_be_opened_says_what_to_do(
    open_driver: OpenDriver, monkeypatch: pytest.MonkeyPatch, failure: str, says: str
) -> None:
    monkeypatch.setenv("FAKE_CUDA_FAIL", failure)
    with pytest.raises(NoGpuError, match=says) as caught:
        open_driver()
    assert child.failure(caught.value).status == "unsupported"


def test_an_error_of_a_newer_driver_keeps_its_code(open_driver: OpenDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_driver() as driver:
        stream = driver.stream()
        monkeypatch.setenv("FAKE_CUDA_FAIL", "cuStreamSynchronize=4242")
        with pytest.raises(CudaError, match="4242"):
            driver.synchronise(stream)


def test_a_device_whose_memory_is_all_taken_is_out_of_memory(
    open_driver: OpenDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CUDA_FAIL", "cuDevicePrimaryCtxRetain=2")
    with pytest.raises(CudaOutOfMemoryError, match="out of memory"):
        open_driver()


@pytest.mark.parametrize(
    ("devices", "device", "says"),
    [("0", 0, "CUDA sees none"), ("1", 1, "CUDA sees only 0"), ("3", 3, "CUDA sees 0 to 2"), ("1", -1, "no GPU -1")],
)
def test_a_missing_device_is_reported_with_the_available_ones(
    open_driver: OpenDriver, monkeypatch: pytest.MonkeyPatch, devices: str, device: int, says: str
) -> None:
    monkeypatch.setenv("FAKE_CUDA_DEVICES", devices)
    with pytest.raises(NoGpuError, match=says):
        open_driver(device)
