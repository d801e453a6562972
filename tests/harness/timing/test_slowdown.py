from __future__ import annotations

import numpy as np

from harness.timing.slowdown import Slowed


class Clock:
    """Advances by a microsecond per reading, and by the time of a session."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 1_000
        return self.now_ns


class Session:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def infer(self) -> None:
        self.clock.now_ns += 10_000_000

    def time_block(self, *_: object) -> None:
        raise AssertionError("each inference must be slowed")


def test_every_inference_takes_the_share_longer() -> None:
    clock = Clock()
    latencies_ns = np.zeros(5, dtype=np.int64)
    Slowed(Session(clock), 3.0, clock).time_block(latencies_ns, clock)
    assert np.allclose(latencies_ns, 10_300_000, atol=10_000)
