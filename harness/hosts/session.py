"""Hands out the pieces of a job to hosts until all are here."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable, Mapping

from foundation.shard import Shard
from foundation.wording import counted, one_line, quoted
from harness.errors import HostsError, PiecesFailedError
from harness.hosts.courier import Courier, Lost
from harness.hosts.host import Host
from harness.hosts.job import Parts
from harness.hosts.parcel import Parcel
from harness.hosts.piece import Order, Reply
from harness.text.progress import Progress, minutes_text

_WAIT_S = 2.0
_TELL_EVERY_S = 60.0
_PROGRESS = "["
"""How a line begins that says how far a command is (`harness.text.progress`)."""
MEASURING = ("run",)
"""Commands that are not looked at while they run: a look starts a process on the host."""
_MOST_CRASHES = 3
"""How often a piece may end a worker of one host until it counts as failed there."""

Say = Callable[[str], None]


@dataclasses.dataclass
class Session:
    """The pieces of a job that are missing, and the hosts that do them."""

    parts: Parts
    hosts: list[Host]
    """Those that are fit; one that is lost or proves unfit is taken out."""
    courier: Courier
    parcels: Mapping[str, Parcel]
    say: Say
    clock: Callable[[], float] = time.monotonic
    """Seconds."""

    def __post_init__(self) -> None:
        self._waiting = collections.deque(self.parts.missing())
        self._running: dict[Host, int] = {}
        self._told_at = self.clock()
        self._failures: dict[int, dict[Host, str]] = collections.defaultdict(dict)
        self._crashes: collections.Counter[tuple[int, Host]] = collections.Counter()

    def run(self) -> None:
        """Does every missing piece once.

        Raises:
            PiecesFailedError: a piece failed on every host; all others are here.
            HostsError: no host is left.
            KeyboardInterrupt: the user interrupted; every piece on its way was cancelled.
        """
        begun = self.parts.count - len(self._waiting)
        if begun:
            self.say(f"{begun} of {counted(self.parts.count, 'piece')} were here already")
        try:
            with Progress("pieces", len(self._waiting)) as progress:
                while self._hand_out() or self._running:
                    for host, ended in self.courier.wait(_WAIT_S).items():
                        self._take(host, ended, progress)
                    self._tell_lines()
        except BaseException:
            self.courier.cancel(list(self._running))
            raise
        self._check_all_here()

    def _hand_out(self) -> bool:
        """Gives each idle host a piece that has not failed there; returns whether any was given."""
        given = False
        for host in self.hosts:
            if host in self._running:
                continue
            number = next((one for one in self._waiting if host not in self._failures[one]), None)
            if number is None:
                continue
            self._waiting.remove(number)
            self._running[host] = number
            self.courier.send(host, self._order(number))
            given = True
        return given

    def _order(self, number: int) -> Order:
        return Order(self.parts.job, Shard(number, self.parts.count), self.parcels)

    def _which(self, number: int, host: Host) -> str:
        return f"piece {number}/{self.parts.count} on {host.name}"

    def _tell_lines(self) -> None:
        """Every minute, says how far the pieces are, except those of a command that measures, which looks disturb."""
        if self.parts.job.command in MEASURING or self.clock() - self._told_at < _TELL_EVERY_S:
            return
        for host, number in self._running.items():
            line = self.courier.last_line(host, self._order(number))
            if line.startswith(_PROGRESS):
                self.say(f"{self._which(number, host)}: {quoted(one_line(line))}")
        self._told_at = self.clock()

    def _take(self, host: Host, ended: Reply | Lost, progress: Progress) -> None:
        """Stores what a piece left, or lets it wait for another host."""
        number = self._running.pop(host)
        which = self._which(number, host)
        if isinstance(ended, Lost):
            self._lost(number, host, ended, which)
        elif ended.packed is None:
            self._failed(number, host, _why(ended))
        else:
            self.parts.store(number, ended.packed)
            progress.step(f"{which}: done in {minutes_text(ended.duration_s)}")
            self._leave_out(self._failures.pop(number, {}), number)

    def _lost(self, number: int, host: Host, lost: Lost, which: str) -> None:
        if lost.host_gone:
            self.hosts.remove(host)
            self.say(f"{which}: the host is gone ({lost.reason}); {counted(len(self.hosts), 'host')} left")
        self._crashes[number, host] += 1
        if not lost.host_gone and self._crashes[number, host] >= _MOST_CRASHES:
            self._failed(number, host, f"its process ended {_MOST_CRASHES} times ({lost.reason})")
            return
        if not lost.host_gone:
            self.say(f"{which}: its process ended ({lost.reason}); it is done again")
        self._waiting.appendleft(number)

    def _failed(self, number: int, host: Host, reason: str) -> None:
        self._failures[number][host] = reason
        self.say(f"piece {number}/{self.parts.count} failed on {host.name}: {quoted(one_line(reason))}")
        self._waiting.append(number)

    def _leave_out(self, failures: Mapping[Host, str], number: int) -> None:
        """Gives nothing more to hosts where a piece failed that another host has done."""
        for host in failures:
            if host in self.hosts:
                self.hosts.remove(host)
                self.say(f"{host.name} is left out: piece {number}/{self.parts.count} failed there, not elsewhere")

    def _check_all_here(self) -> None:
        missing = self.parts.missing()
        if not missing:
            return
        if not self.hosts:
            raise HostsError(
                f"no host is left; {counted(self.parts.count - len(missing), 'piece')} of {self.parts.count} are in "
                f"{self.parts.folder}. Start hosts, and repeat the command"
            )
        reasons = [
            f"piece {number}/{self.parts.count} on {host.name}: {reason}"
            for number in missing
            for host, reason in self._failures[number].items()
        ]
        raise PiecesFailedError("\n".join([f"{counted(len(missing), 'piece')} failed on every host:", *reasons]))


def _why(reply: Reply) -> str:
    return f"exit code {reply.exit_code}: {reply.output_tail}"
