from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.machine.gpu.processes import foreign_count, own_pids


def test_a_process_knows_its_ids_in_inner_namespaces(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nPid:\t7\nNSpid:\t4711\t7\n")
    assert own_pids(status) == {os.getpid(), 4711, 7}


def test_a_system_without_proc_knows_one(tmp_path: Path) -> None:
    assert own_pids(tmp_path / "none") == {os.getpid()}


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_this_process_does_not_count_as_another() -> None:
    assert os.getpid() in own_pids()


@pytest.mark.parametrize(
    ("pids", "holds_context", "count"),
    [
        ([], True, 0),
        ([7], True, 0),
        ([7, 8], True, 1),
        # A container: the host's IDs, one of which must be ours.
        ([4711], True, 0),
        ([4711, 4712], True, 1),
        # The same process, listed for graphics and compute, or in two instances.
        ([8, 8, 7], True, 1),
        # Before we hold a context, every process is another's.
        ([4711], False, 1),
        ([7], False, 0),
    ],
)
def test_the_others_are_counted(pids: list[int], holds_context: bool, count: int) -> None:
    assert foreign_count(pids, {7}, holds_context=holds_context) == count
