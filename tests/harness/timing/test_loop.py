from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from harness.machine.meter import CpuMeter, CpuReading
from harness.timing import loop
from harness.timing import samples as samples_module
from harness.timing.samples import MEASURED, REFERENCE, Block
from harness.timing.settings import TimingSettings

MILLISECOND_NS = 1_000_000

SETTINGS = TimingSettings(
    warmup_s=0.05,
    warmup_min_runs=2,
    block_ms=80.0,
    settle_ms=10.0,
    groups=3,
    max_repeats=2,
    foreign_cpu_limit=0.3,
)


class FakeClock:
    """Time that passes only when a session runs, faster or slower with the machine's speed."""

    def __init__(self, slowdown_per_s: float = 0.0) -> None:
        self.now_ns = 0
        self._slowdown_per_s = slowdown_per_s

    def __call__(self) -> int:
        return self.now_ns

    def run(self, latency_ms: float) -> None:
        slowdown = 1 + self._slowdown_per_s * self.now_ns / 1e9
        self.now_ns += round(latency_ms * slowdown * MILLISECOND_NS)


class FakeSession:
    def __init__(self, name: str, latency_ms: float, clock: FakeClock, log: list[str]) -> None:
        self._name = name
        self._latency_ms = latency_ms
        self._clock = clock
        self._log = log
        self.gc_was_enabled_in_a_block = False

    def infer(self) -> None:
        self._log.append(f"{self._name} untimed")
        self._clock.run(self._latency_ms)

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int]) -> None:
        self.gc_was_enabled_in_a_block |= gc.isenabled()
        self._log.append(f"{self._name} x {len(latencies_ns)}")
        for index in range(len(latencies_ns)):
            begin_ns = clock_ns()
            self._clock.run(self._latency_ms)
            latencies_ns[index] = clock_ns() - begin_ns


class FakeMeter(CpuMeter):
    """Reports the scripted foreign cores for one group after another, then none."""

    def __init__(self, clock: FakeClock, foreign_cores_of_groups: list[float]) -> None:
        super().__init__()
        self._clock = clock
        self._script = list(foreign_cores_of_groups)
        self._foreign_s = 0.0
        self._group_began_s: float | None = None

    def read(self) -> CpuReading:
        now_s = self._clock.now_ns / 1e9
        if self._group_began_s is None:
            self._group_began_s = now_s
        else:
            cores = self._script.pop(0) if self._script else 0.0
            self._foreign_s += cores * (now_s - self._group_began_s)
            self._group_began_s = None
        return CpuReading(wall_s=now_s, busy_s=now_s + self._foreign_s, own_s=now_s)


@dataclasses.dataclass
class Bench:
    measured: FakeSession
    reference: FakeSession
    clock: FakeClock
    log: list[str]

    def measure(self, settings: TimingSettings = SETTINGS, foreign: list[float] | None = None) -> list[Block]:
        meter = FakeMeter(self.clock, foreign or [])
        return loop.measure(self.measured, self.reference, settings, meter=meter, clock_ns=self.clock)


def bench(measured_ms: float, reference_ms: float = 4.0, slowdown_per_s: float = 0.0) -> Bench:
    clock, log = FakeClock(slowdown_per_s), []
    return Bench(FakeSession("A", measured_ms, clock, log), FakeSession("B", reference_ms, clock, log), clock, log)


def test_a_trial_warms_both_up_and_then_alternates() -> None:
    one = bench(measured_ms=20.0, reference_ms=40.0)
    one.measure(dataclasses.replace(SETTINGS, groups=2))
    group = ["A untimed", "A x 4", "B untimed", "B x 2", "B x 2", "A untimed", "A x 4"]
    assert one.log == ["A untimed"] * 3 + ["B untimed"] * 2 + group * 2


def test_the_first_inferences_after_a_switch_are_not_timed() -> None:
    one = bench(measured_ms=2.0, reference_ms=4.0)
    one.measure(dataclasses.replace(SETTINGS, groups=1, warmup_s=0.0))
    after_warmup = one.log[2:]
    assert after_warmup[:6] == ["A untimed"] * 5 + ["A x 40"]
    assert after_warmup[6:9] == ["B untimed"] * 2 + ["B x 20"]


def test_a_network_that_fills_a_block_settles_without_an_untimed_run() -> None:
    one = bench(measured_ms=80.0, reference_ms=79.0)
    one.measure(dataclasses.replace(SETTINGS, groups=1, warmup_s=0.0))
    assert one.log[2:] == ["A x 1", "B untimed", "B x 1", "B x 1", "A x 1"]


def test_a_network_slower_than_a_block_runs_once_in_it() -> None:
    blocks = bench(measured_ms=1500.0).measure()
    sizes = {len(block.latencies_ns) for block in blocks if block.session == MEASURED}
    assert sizes == {1}


def test_warm_up_counts_the_inference_made_at_the_start() -> None:
    one = bench(measured_ms=1500.0)
    assert loop.warm_up(one.measured, SETTINGS, one.clock) == pytest.approx(1500 * MILLISECOND_NS)
    assert one.log == ["A untimed"]


def test_warm_up_lasts_the_set_time_for_a_fast_network() -> None:
    one = bench(measured_ms=1.0)
    loop.warm_up(one.measured, SETTINGS, one.clock)
    assert len(one.log) == 50


def test_latencies_and_starts_are_those_of_the_clock() -> None:
    one = bench(measured_ms=20.0, reference_ms=40.0)
    blocks = one.measure(dataclasses.replace(SETTINGS, groups=1))
    assert [block.session for block in blocks] == [MEASURED, REFERENCE, REFERENCE, MEASURED]
    assert blocks[0].latencies_ns.tolist() == [20 * MILLISECOND_NS] * 4
    assert blocks[1].latencies_ns.tolist() == [40 * MILLISECOND_NS] * 2
    assert blocks[2].start_ns - blocks[1].start_ns == 80 * MILLISECOND_NS


def test_a_linear_drift_cancels_in_the_ratio() -> None:
    blocks = bench(measured_ms=8.0, reference_ms=4.0, slowdown_per_s=0.2).measure()
    ratios = samples_module.group_ratios(blocks)
    naive = np.median(samples_module.pooled_latencies_ms(blocks[:2], MEASURED)) / np.median(
        samples_module.pooled_latencies_ms(blocks[:2], REFERENCE)
    )
    assert abs(naive / 2 - 1) > 0.01
    np.testing.assert_allclose(ratios, 2.0, rtol=1e-3)


def test_a_contaminated_group_is_repeated_and_kept() -> None:
    blocks = bench(measured_ms=20.0).measure(foreign=[0.0, 1.0, 0.0])
    assert [block.contaminated for block in blocks[::4]] == [False, True, False, False]
    assert [block.group for block in blocks[::4]] == [0, 1, 2, 3]
    assert blocks[4].foreign_cores == pytest.approx(1.0)
    assert {block.group for block in samples_module.usable_blocks(blocks)} == {0, 2, 3}


def test_a_disturbance_below_the_limit_does_not_count() -> None:
    blocks = bench(measured_ms=20.0).measure(foreign=[0.29, 0.29, 0.29])
    assert len(blocks) == 3 * 4
    assert not any(block.contaminated for block in blocks)


def test_a_machine_that_is_always_busy_ends_the_trial_too() -> None:
    blocks = bench(measured_ms=20.0).measure(foreign=[1.0] * 100)
    assert len(blocks) == (SETTINGS.groups + SETTINGS.max_repeats) * 4
    assert all(block.contaminated for block in blocks)
    assert samples_module.usable_blocks(blocks) == blocks


def test_the_garbage_collector_is_off_in_blocks_and_on_again_after() -> None:
    one = bench(measured_ms=20.0)
    one.measure()
    assert not one.measured.gc_was_enabled_in_a_block
    assert gc.isenabled()


def test_the_ratio_of_a_group_is_that_of_geometric_means_of_medians() -> None:
    milliseconds = [(MEASURED, [2.0, 9.0, 2.0]), (REFERENCE, [1.0]), (REFERENCE, [4.0]), (MEASURED, [8.0])]
    blocks = [
        Block(session, 0, 0, np.array([value * MILLISECOND_NS for value in values], np.int64), 0.0, False)
        for session, values in milliseconds
    ]
    assert samples_module.group_ratios(blocks).tolist() == pytest.approx([4.0 / 2.0])


def test_samples_are_read_back_without_pickles(tmp_path: Path) -> None:
    blocks = bench(measured_ms=20.0).measure(foreign=[1.0])
    path = tmp_path / "new folder" / "trial.npz"
    samples_module.save_samples(blocks, path)
    with np.load(path, allow_pickle=False) as samples:
        of_measured = samples["block_session"][samples["block"]] == MEASURED
        clean = ~samples["block_contaminated"][samples["block"]]
        np.testing.assert_array_equal(
            samples["latency_ns"][of_measured & clean] / MILLISECOND_NS,
            samples_module.pooled_latencies_ms(samples_module.usable_blocks(blocks), MEASURED),
        )
        assert samples["block_group"].tolist() == [block.group for block in blocks]
        assert samples["block_start_ns"].tolist() == [block.start_ns for block in blocks]
        assert samples["block_foreign_cores"][0] == pytest.approx(1.0)
    assert [file.name for file in path.parent.iterdir()] == ["trial.npz"]
