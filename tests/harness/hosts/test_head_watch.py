"""A head that does not answer several times in a row is gone; one that answers again is not."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from harness.errors import HostsError
from harness.hosts import head_watch
from harness.hosts.cluster import ADDRESS
from harness.hosts.head_watch import HeadWatch


class Clock:
    """A clock on which only sleep passes, with what happens meanwhile."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(head_watch, "time", clock)
    return clock


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A head that has its port and does not answer, until it listens."""
    with socket.socket() as head:
        head.bind(("127.0.0.1", 0))
        monkeypatch.setenv(ADDRESS, address_of(head))
        yield head


def address_of(head: socket.socket) -> str:
    host, port = head.getsockname()
    return f"{host}:{port}"


def test_a_head_that_answers(head: socket.socket, clock: Clock) -> None:
    head.listen()
    watch = HeadWatch()
    watch.make_sure()
    assert not watch.is_silent


def test_a_silent_head_is_gone_after_several_looks(head: socket.socket, clock: Clock) -> None:
    watch = HeadWatch()
    watch.look()
    assert not watch.is_silent, "it was looked at too early"
    for _ in range(head_watch._MOST_SILENCES - 1):
        clock.sleep(head_watch._EVERY_S)
        watch.look()
        assert watch.is_silent
    clock.sleep(head_watch._EVERY_S)
    with pytest.raises(HostsError, match=f"the head of the Ray cluster at {address_of(head)} is gone"):
        watch.look()


def test_a_head_that_answers_again_is_not_gone(head: socket.socket, clock: Clock) -> None:
    watch = HeadWatch()
    clock.sleep(head_watch._EVERY_S)
    watch.look()
    assert watch.is_silent
    clock.meanwhile = head.listen
    watch.make_sure()
    assert not watch.is_silent


def test_before_a_call_that_waits_for_the_head_it_is_made_sure(head: socket.socket, clock: Clock) -> None:
    with pytest.raises(HostsError, match="is gone"):
        HeadWatch().make_sure()


def test_the_cluster_of_this_machine_has_no_address_to_look_at(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    watch = HeadWatch()
    clock.sleep(head_watch._EVERY_S)
    watch.look()
    watch.make_sure()
    assert not watch.is_silent
