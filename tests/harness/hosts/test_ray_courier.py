"""What becomes of Ray's own errors, with a Ray that only pretends."""

from __future__ import annotations

import socket
import types
from typing import Any

import pytest

from foundation.shard import Shard
from harness.errors import HostsError
from harness.hosts import head_watch
from harness.hosts.cluster import ADDRESS
from harness.hosts.courier import Lost
from harness.hosts.host import Host
from harness.hosts.job import Job
from harness.hosts.piece import Order, do_piece
from harness.hosts.ray_courier import RayCourier

HOST = Host("1", "a", 2)


class RayError(Exception):
    pass


class NodeDiedError(RayError):
    pass


class Pretending:
    """A Ray whose one task ends as it is asked to."""

    exceptions = types.SimpleNamespace(
        RayError=RayError,
        NodeDiedError=NodeDiedError,
        TaskUnschedulableError=NodeDiedError,
        ObjectLostError=NodeDiedError,
    )

    def __init__(self, error: Exception, waiting: bool = False) -> None:
        self._error, self._waiting = error, waiting

    def wait(self, tasks: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        if self._waiting:
            raise self._error
        return tasks, []

    def get(self, task: Any) -> Any:
        raise self._error


def courier(ray: Pretending) -> RayCourier:
    made = RayCourier(ray)
    made._tasks[HOST] = "task"
    return made


def test_a_process_that_ended_is_not_a_host_that_is_gone() -> None:
    lost = courier(Pretending(RayError("first\n\nThe worker died unexpectedly.\n"))).wait(1.0)
    assert lost == {HOST: Lost("The worker died unexpectedly.", host_gone=False)}


def test_a_host_that_is_gone() -> None:
    assert courier(Pretending(NodeDiedError("..."))).wait(1.0) == {HOST: Lost("NodeDiedError", host_gone=True)}


@pytest.mark.parametrize("waiting", [True, False])
def test_a_connection_that_breaks_says_what_to_do(waiting: bool) -> None:
    error = RuntimeError("the raylet on this machine ended")
    with pytest.raises(
        HostsError, match=r"broke \(RuntimeError: the raylet .*\)\. The pieces that are finished are here"
    ):
        courier(Pretending(error, waiting)).wait(1.0)


def test_a_host_that_cannot_take_the_files_is_left_out() -> None:
    fit, said = [HOST, Host("2", "b", 2)], list[str]()
    full = Pretending(RayError("Traceback\n  ...\nOSError: [Errno 28] No space left on device"))
    assert RayCourier(full)._answers({HOST: "task"}, fit, said.append) == {}
    assert [host.name for host in fit] == ["b"]
    assert said == [
        "a is left out: it does not take the files that pieces need (OSError: [Errno 28] No space left on device)"
    ]


def test_no_piece_is_sent_while_the_head_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would wait for the head, and end this program after a minute."""
    monkeypatch.setattr(head_watch, "_EVERY_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv(ADDRESS, f"127.0.0.1:{server.getsockname()[1]}")
    untouched: Any = object()
    with pytest.raises(HostsError, match=r"the head of the Ray cluster at .* is gone"):
        RayCourier(untouched).send(HOST, untouched)


class Storing:
    """A Ray that counts the functions that it stores with the head."""

    def __init__(self) -> None:
        self.stored: list[Any] = []

    def remote(self, **_: Any) -> Any:
        def stored(function: Any) -> Any:
            self.stored.append(function)
            task = types.SimpleNamespace(remote=lambda *_: "task")
            return types.SimpleNamespace(options=lambda **_: task)

        return stored


def test_a_function_is_stored_with_the_head_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To store one, Ray waits for the head, and ends the program after a minute without it."""
    pytest.importorskip("ray")
    monkeypatch.delenv(ADDRESS, raising=False)
    ray = Storing()
    sending = RayCourier(ray)
    order = Order(Job("run", (), "--output"), Shard(1, 2), {})
    one, other = (Host(digit * 56, digit, 2) for digit in "ab")
    for host in (one, other, one):
        sending.send(host, order)
    assert ray.stored == [do_piece]
