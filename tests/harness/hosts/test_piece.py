"""One piece, as its host does it: real commands, without a courier."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from foundation.shard import Shard
from harness.hosts.job import Job
from harness.hosts.packing import unpack
from harness.hosts.parcel import Parcel
from harness.hosts.piece import Order, do_piece, job_folder, last_line
from harness.records.run_info import is_run
from tests.harness.hosts.conftest import ROOT
from tests.processes import has_ended, wait_for


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return


def order(task: Path, *more: str) -> Order:
    parcel = Parcel.of_onnx_file(task / "net.onnx")
    words = [
        "--images",
        str(task / "images"),
        "--memory",
        "64",
        "--threads",
        "1",
        "--onnx",
        "net=@net@/net.onnx",
        *more,
    ]
    return Order(Job("accuracy", tuple(words), "--output"), Shard(1, 2), {"@net@": parcel})


def deliver(one: Order, folder: Path) -> None:
    for parcel in one.parcels.values():
        for file in parcel.missing():
            parcel.store(file, (folder / file.path).read_bytes())


def test_a_piece_leaves_what_the_command_leaves(task: Path, tmp_path: Path) -> None:
    one = order(task)
    deliver(one, task)
    reply = do_piece(one)
    assert reply.exit_code == 0, reply.output_tail
    assert reply.packed is not None
    assert last_line(one.job.digest, one.shard) == reply.output_tail.splitlines()[-1].strip() != ""
    assert last_line(one.job.digest, Shard(2, 2)) == ""
    unpack(reply.packed, tmp_path / "there")
    assert is_run(tmp_path / "there")
    assert (tmp_path / "there" / "results.csv").is_file()
    # Again: there is nothing left to do.
    assert do_piece(one).exit_code == 0


def test_a_piece_that_fails_says_why(task: Path) -> None:
    reply = do_piece(order(task, "--limit", "0"))
    assert (reply.exit_code, reply.packed) == (2, None)
    assert "--limit 0" in reply.output_tail or "no such file" in reply.output_tail


def test_only_what_is_missing_or_damaged_is_sent(task: Path) -> None:
    parcel = Parcel.of_onnx_file(task / "net.onnx")
    (file,) = parcel.missing()
    parcel.store(file, (task / "net.onnx").read_bytes())
    assert parcel.missing() == []
    (parcel.folder() / "net.onnx").write_bytes(b"torn")
    assert parcel.missing() == [file]


BEGIN = """
import os, sys, pickle
from harness.hosts.piece import do_piece
do_piece(pickle.loads(bytes.fromhex(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux alone kills with the parent")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_command_ends_with_the_process_that_asked_for_it(task: Path, how: signal.Signals) -> None:
    import pickle

    one = order(task)
    deliver(one, task)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    worker = subprocess.Popen(
        [sys.executable, "-c", BEGIN, pickle.dumps(one).hex()], env=environment, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: job_folder(one.job.digest).joinpath("1-of-2").is_dir())
    children = psutil.Process(worker.pid).children(recursive=True)
    assert children
    worker.send_signal(how)
    worker.wait(20)
    wait_for(lambda: all(has_ended(child.pid) for child in children), 10)
    # What was interrupted resumes.
    assert do_piece(one).exit_code == 0
