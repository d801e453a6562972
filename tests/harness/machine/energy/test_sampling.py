from __future__ import annotations

import threading

import pytest

from harness.machine.energy.sampling import Sampling


def test_there_is_at_least_one_reading() -> None:
    with Sampling(lambda: 7.0, 3600.0) as sampling:
        pass
    assert sampling.values == [7.0]
    assert sampling.complete


def test_readings_follow_one_another_until_the_end() -> None:
    enough = threading.Event()
    readings: list[int] = []

    def read() -> float:
        readings.append(len(readings))
        if len(readings) == 5:
            enough.set()
        return float(readings[-1])

    with Sampling(read, 0.001) as sampling:
        assert enough.wait(10)
    count = len(readings)
    assert sampling.values == [float(reading) for reading in readings]
    threading.Event().wait(0.01)
    assert len(readings) == count


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("not a number")])
def test_a_failed_reading_ends_it(error: Exception) -> None:
    def read() -> float:
        raise error

    with Sampling(read, 0.001) as sampling:
        pass
    assert not sampling.complete
