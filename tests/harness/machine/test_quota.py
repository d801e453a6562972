from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine.linux_facts import Throttling, parse_cpu_stat
from harness.machine.quota import QuotaMeter

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="control groups are Linux's")


def state(root: Path, group: str, periods: int, throttled: int, more: str = "") -> None:
    folder = root / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.stat").write_text(f"{more}nr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec 9\n")


def within(root: Path, line: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"{line}\n")


def test_the_group_that_was_paused_most_often_counts(tmp_path: Path) -> None:
    within(tmp_path, "0::/pod/box")
    state(tmp_path, "pod/box", 100, 10, "usage_usec 12\n")
    state(tmp_path, "pod", 200, 0)
    state(tmp_path, "", 0, 0)
    meter = QuotaMeter(tmp_path)
    assert meter.throttling() == Throttling(0, 0)
    state(tmp_path, "pod/box", 130, 15)
    state(tmp_path, "pod", 260, 1)
    assert meter.throttling() == Throttling(30, 5)


def test_groups_of_version_1(tmp_path: Path) -> None:
    within(tmp_path, "4:cpu,cpuacct:/job")
    state(tmp_path, "cpu/job", 7, 7)
    meter = QuotaMeter(tmp_path)
    state(tmp_path, "cpu/job", 27, 17)
    assert meter.throttling() == Throttling(20, 10)


def test_without_a_quota_there_is_nothing(tmp_path: Path) -> None:
    within(tmp_path, "0::/")
    assert QuotaMeter(tmp_path).throttling() is None
    state(tmp_path, "", 0, 0)
    assert QuotaMeter(tmp_path).throttling() is None


@pytest.mark.parametrize(
    ("text", "periods", "throttled"),
    [(None, 0, 0), ("usage_usec 5", 0, 0), ("nr_periods 5\nnr_throttled 3\nthrottled_time 12", 5, 3)],
)
def test_what_the_kernel_counts(text: str | None, periods: int, throttled: int) -> None:
    assert parse_cpu_stat(text) == Throttling(periods, throttled)
