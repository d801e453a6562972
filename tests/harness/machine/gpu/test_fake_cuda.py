"""The scripted GPU of the other tests has the interface of the real one and is as strict."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from harness.machine.gpu.driver import CudaDriver, CudaError, CudaOutOfMemoryError
from tests.fakes.cuda import FakeCudaDriver


def test_the_fake_has_every_public_method_of_the_real_driver_with_its_signature() -> None:
    for name, method in inspect.getmembers(CudaDriver, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(FakeCudaDriver, name)) == inspect.signature(method), name


def test_the_fake_has_every_public_attribute_of_the_real_driver(open_driver: object) -> None:
    with open_driver() as driver, FakeCudaDriver() as fake:
        for name, value in vars(driver).items():
            if not name.startswith("_"):
                assert type(getattr(fake, name)) is type(value), name


def test_work_runs_in_the_order_of_its_stream_while_the_host_continues() -> None:
    driver = FakeCudaDriver(call_ns=100, enqueue_ns=1_000, kernel_ns=50_000, bandwidth_gb_s=2.0)
    stream, other = driver.stream(), driver.stream()
    first, last = driver.event(), driver.event()
    array = driver.pinned((10_000,), np.uint8)
    pointer = driver.allocate(array.nbytes)
    driver.record(first, stream)
    driver.kernel(stream)
    driver.copy_to_device(pointer, array, stream)
    driver.record(last, stream)
    assert driver.clock.now_ns == 100 + 1_000 + 100 + 100
    driver.synchronise(other)
    with pytest.raises(CudaError, match="NOT_READY"):
        driver.elapsed_ms(first, last)
    driver.wait(last)
    assert driver.clock.now_ns == 100 + 1_000 + 50_000 + 5_000
    assert driver.elapsed_ms(first, last) == pytest.approx((1_000 + 50_000 + 5_000) / 1e6)


def test_a_kernel_computes_what_it_is_given() -> None:
    driver = FakeCudaDriver()
    stream, pointer = driver.stream(), driver.allocate(16)
    values = driver.read(pointer, (4,), np.float32)

    def double() -> None:
        values[:] = values * 2 + 1

    graph = driver.capture(stream, lambda: driver.kernel(stream, double))
    assert not values.any()
    driver.launch(graph, stream)
    driver.launch(graph, stream)
    np.testing.assert_array_equal(driver.read(pointer, (4,), np.float32), [3, 3, 3, 3])


def test_what_the_real_driver_refuses_is_refused() -> None:
    driver = FakeCudaDriver(total_mib=1)
    stream, event = driver.stream(), driver.event()
    with pytest.raises(CudaOutOfMemoryError, match="out of memory"):
        driver.allocate(2 * 1024 * 1024)
    with pytest.raises(CudaError, match="INVALID_HANDLE"):
        driver.record(stream, stream)
    with pytest.raises(CudaError, match="INVALID_HANDLE"):
        driver.elapsed_ms(event, event)
    with pytest.raises(CudaError, match="CAPTURE"):
        driver.capture(stream, lambda: driver.synchronise(stream))
    pointer = driver.allocate(8)
    array = np.zeros(4, np.float32)
    with pytest.raises(CudaError, match="not allocated"):
        driver.copy_to_device(pointer, array, stream)
    with pytest.raises(ValueError, match="contiguous"):
        driver.copy_to_device(pointer, array[::2], stream)
    driver.free(pointer)
    with pytest.raises(CudaError, match="freed"):
        driver.free(pointer)
    driver.close()
    with pytest.raises(CudaError, match="after close"):
        driver.synchronise(stream)


def test_a_scripted_failure_comes_once_and_on_time() -> None:
    driver = FakeCudaDriver()
    driver.fail("stream", CudaError("scripted"), after=1)
    driver.stream()
    with pytest.raises(CudaError, match="scripted"):
        driver.stream()
    driver.stream()
