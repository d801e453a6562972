"""A head that does not answer several times in a row is gone; one that answers again is not."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from harness.errors import HostsError
from harness.hosts import head_watch
from harness.hosts.cluster import ADDRESS
from harness.hosts.head_watch import HeadWatch


@contextlib.contextmanager
def answering(port: int = 0) -> Iterator[int]:
    """Something that takes connections on this machine, and its port."""
    with socket.create_server(("127.0.0.1", port)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """The port of a head that does not answer."""
    monkeypatch.setattr(head_watch, "_EVERY_S", 0.05)
    with answering() as port:
        monkeypatch.setenv(ADDRESS, f"127.0.0.1:{port}")
    return port


def test_a_head_that_answers(port: int) -> None:
    with answering(port):
        watch = HeadWatch()
        watch.make_sure()
        assert not watch.is_silent


def test_a_silent_head_is_gone_after_several_looks(port: int) -> None:
    watch = HeadWatch()
    watch.look()
    assert not watch.is_silent, "it was looked at too early"
    for _ in range(head_watch._MOST_SILENCES - 1):
        time.sleep(0.06)
        watch.look()
        assert watch.is_silent
    time.sleep(0.06)
    with pytest.raises(HostsError, match=f"the head of the Ray cluster at 127.0.0.1:{port} is gone"):
        watch.look()


def test_a_head_that_answers_again_is_not_gone(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = HeadWatch()
    monkeypatch.setattr(watch, "_looked_at", time.monotonic() - 1)
    watch.look()
    assert watch.is_silent
    monkeypatch.setattr(head_watch, "_EVERY_S", 0.5)
    ended = threading.Event()

    def answer_late() -> None:
        time.sleep(0.2)
        with answering(port):
            ended.wait(30)

    thread = threading.Thread(target=answer_late)
    thread.start()
    watch.make_sure()
    ended.set()
    thread.join()
    assert not watch.is_silent


def test_before_a_call_that_waits_for_the_head_it_is_made_sure(port: int) -> None:
    with pytest.raises(HostsError, match="is gone"):
        HeadWatch().make_sure()


def test_the_cluster_of_this_machine_has_no_address_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    monkeypatch.setattr(head_watch, "_EVERY_S", 0.0)
    watch = HeadWatch()
    watch.look()
    watch.make_sure()
    assert not watch.is_silent
