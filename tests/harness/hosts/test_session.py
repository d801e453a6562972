"""Which host is given which piece, with a courier that only pretends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from harness.errors import HostsError, PiecesFailedError
from harness.hosts.courier import Lost
from harness.hosts.host import Host
from harness.hosts.job import Job, Parts
from harness.hosts.packing import pack
from harness.hosts.piece import Order, Reply
from harness.hosts.session import Session

A, B = Host("1", "a", 2), Host("2", "b", 2)
Answer = Callable[[Host, int, int], Reply | Lost]
"""What becomes of a piece on a host, and how often it was tried before anywhere."""


class Pretending:
    """Answers the order that has waited longest."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.sent, self.cancelled = answer, list[tuple[str, int]](), list[Host]()
        self.running: dict[Host, int] = {}

    def send(self, host: Host, order: Order) -> None:
        assert host not in self.running
        self.running[host] = order.shard.number
        self.sent.append((host.name, order.shard.number))

    def wait(self, timeout_s: float) -> Mapping[Host, Reply | Lost]:
        host = next(iter(self.running))
        number = self.running.pop(host)
        earlier = sum(one == number for _, one in self.sent) - 1
        return {host: self.answer(host, number, earlier)}

    def cancel(self, hosts: Sequence[Host]) -> None:
        self.cancelled += hosts

    def last_line(self, host: Host, order: Order) -> str:
        return f"[accuracy {order.shard.number}/9]" if host is A else "results: out"


@pytest.fixture
def done(tmp_path: Path) -> Reply:
    (tmp_path / "left").mkdir()
    return Reply(0, "", 80.0, pack(tmp_path / "left"))


FAILED = Reply(2, "error: no such file", 1.0)


class Played:
    """A session of four pieces on two hosts."""

    def __init__(self, folder: Path, answer: Answer, command: str = "accuracy", step_s: float = 0.0) -> None:
        self.parts = Parts(folder / "out.parts", Job(command, (), "--output"), 4)
        self.courier, self.said = Pretending(answer), list[str]()
        clock = itertools.count(0.0, step_s).__next__
        self.session = Session(self.parts, [A, B], self.courier, {}, self.said.append, clock)

    def run(self) -> None:
        with self.parts:
            self.session.run()


def test_every_piece_is_done_once(tmp_path: Path, done: Reply, capsys: pytest.CaptureFixture[str]) -> None:
    played = Played(tmp_path, lambda host, number, earlier: done)
    played.run()
    assert sorted(number for _, number in played.courier.sent) == [1, 2, 3, 4]
    assert {host for host, _ in played.courier.sent} == {"a", "b"}
    assert "[pieces 1/4] piece 1/4 on a: done in 1:20" in capsys.readouterr().err


def test_every_minute_the_last_lines_of_pieces_are_shown(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: done, step_s=30.0)
    played.run()
    assert played.said == ["piece 3/4 on a: [accuracy 3/9]"]


def test_what_is_measured_is_not_looked_at(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: done, command="run", step_s=100.0)
    played.run()
    assert played.said == []


def test_a_lost_host_costs_its_piece_alone(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: Lost("NodeDiedError", True) if host is B else done)
    played.run()
    assert played.parts.missing() == []
    assert sum(host == "b" for host, _ in played.courier.sent) == 1
    assert played.said == ["piece 2/4 on b: the host is gone (NodeDiedError); 1 host left"]


def test_no_host_left_names_what_is_kept(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: done if number == 1 else Lost("NodeDiedError", True))
    with pytest.raises(HostsError, match=r"no host is left; 1 piece of 4 are in .*out\.parts\. Start hosts"):
        played.run()


def test_a_piece_that_ends_its_process_is_done_again(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: done if number != 3 or earlier else Lost("crashed", False))
    played.run()
    assert played.parts.missing() == []
    assert [number for _, number in played.courier.sent].count(3) == 2


def test_a_host_on_which_alone_a_piece_fails_is_left_out(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: FAILED if host is A else done)
    played.run()
    assert played.parts.missing() == []
    assert any(line.startswith("a is left out: piece ") for line in played.said)
    assert "failed on a: exit code 2: error: no such file" in played.said[0]


def test_a_piece_that_fails_everywhere_ends_the_job_after_the_others(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: FAILED if number == 2 else done)
    with pytest.raises(PiecesFailedError, match="1 piece failed on every host") as raised:
        played.run()
    assert played.parts.missing() == [2]
    assert "piece 2/4 on a: exit code 2" in str(raised.value)
    assert "piece 2/4 on b: exit code 2" in str(raised.value)
    assert raised.value.exit_code == 1


def test_a_piece_that_always_ends_its_process_does_not_go_on_for_ever(tmp_path: Path, done: Reply) -> None:
    played = Played(tmp_path, lambda host, number, earlier: Lost("crashed", False) if number == 2 else done)
    with pytest.raises(PiecesFailedError, match="its process ended 3 times"):
        played.run()
    assert [number for _, number in played.courier.sent].count(2) == 6


def test_an_interruption_cancels_what_runs(tmp_path: Path, done: Reply) -> None:
    def interrupted(host: Host, number: int, earlier: int) -> Reply:
        if number == 2:
            raise KeyboardInterrupt
        return done

    played = Played(tmp_path, interrupted)
    with pytest.raises(KeyboardInterrupt):
        played.run()
    assert len(played.courier.cancelled) == 2
    assert 1 not in played.parts.missing()
