"""What carries orders to hosts and replies back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from harness.hosts.host import Host
from harness.hosts.piece import Order, Reply


@dataclasses.dataclass(frozen=True)
class Lost:
    """A piece that brought no reply."""

    reason: str
    host_gone: bool
    """Whether its host is gone too."""


class Courier(Protocol):
    """Carries orders; the session decides which, and to whom."""

    def send(self, host: Host, order: Order) -> None:
        """Begins a piece on a host that has none.

        Raises:
            HostsError: no host can be reached any more.
        """

    def wait(self, timeout_s: float) -> Mapping[Host, Reply | Lost]:
        """What has ended, by host, after at most `timeout_s`.

        Raises:
            HostsError: no host can be reached any more.
        """

    def last_line(self, host: Host, order: Order) -> str:
        """The last line that a piece on its way has printed; empty if there is none, or nobody answers."""

    def cancel(self, hosts: Sequence[Host]) -> None:
        """Ends the pieces of hosts, with all of their processes."""
