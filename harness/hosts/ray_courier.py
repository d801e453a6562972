"""Carries orders by Ray: one task for each piece, which occupies all processors of its host.

Ray repeats nothing by itself, and no process does two pieces.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.wording import counted, first_line
from harness.accuracy.request import AccuracyRequest
from harness.artifacts.bundle import BundledFile
from harness.errors import HarnessError, HostsError
from harness.files.storage import explained
from harness.hosts import host as on_host
from harness.hosts.courier import Lost
from harness.hosts.environments import AskedDevices
from harness.hosts.head_watch import HeadWatch
from harness.hosts.host import Host, HostFacts
from harness.hosts.parcel import Parcel
from harness.hosts.piece import Order, Reply, do_piece, last_line
from harness.text.progress import Progress

_FACTS_S = 300.0
"""Time limit for a host to say what it is, which includes looking at its images."""
_CANCEL_S = 15.0
_LINE_S = 10.0

Say = Callable[[str], None]


class RayCourier:
    """A courier by Ray (`harness.hosts.courier.Courier`)."""

    def __init__(self, ray: Any) -> None:
        """Takes a connected Ray."""
        self._ray = ray
        self._tasks: dict[Host, Any] = {}
        self._functions: dict[Callable[..., Any], Any] = {}
        self._head = HeadWatch()

    def hosts(self) -> list[Host]:
        """The hosts that are alive, each with a name of its own."""
        nodes = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        names = [node["NodeManagerHostname"] for node in nodes]
        return [
            Host(
                node["NodeID"],
                name if names.count(name) == 1 else f"{name}/{node['NodeID'][:6]}",
                node["Resources"]["CPU"],
            )
            for node, name in zip(nodes, names, strict=True)
        ]

    def fit_hosts(
        self, images: AccuracyRequest | None, devices: AskedDevices | None, here: HostFacts, say: Say
    ) -> dict[Host, HostFacts]:
        """The hosts that can do pieces, with what they say of themselves; the others are reported by name.

        Raises:
            HostsError: there is none.
        """
        every, fit = self.hosts(), dict[Host, HostFacts]()
        tasks = {host: self._task(on_host.facts_here, host, 0).remote(images, devices) for host in every}
        for host, task in tasks.items():
            facts = self._facts(task)
            why = facts if isinstance(facts, str) else on_host.unfit(facts, here)
            if isinstance(facts, str) or why:
                say(f"{host.name} is left out: {why}")
            else:
                fit[host] = facts
        if not fit:
            raise HostsError(f"none of {counted(len(every), 'host')} can be used; the lines above say why")
        say(f"{counted(len(fit), 'host')}: {', '.join(host.name for host in fit)}")
        return fit

    def _facts(self, task: Any) -> HostFacts | str:
        """What a host says of itself, or why it cannot."""
        try:
            facts: HostFacts = self._ray.get(task, timeout=_FACTS_S)
        except self._ray.exceptions.GetTimeoutError:
            return f"it does not answer within {_FACTS_S:.0f} s"
        except Exception as error:
            return (
                f"it cannot say which version of this project it has ({_last_line(error)}): install the same version "
                "there, in the environment that its ray start runs in"
            )
        return facts

    def _task(self, function: Callable[..., Any], host: Host, processors: float) -> Any:
        """A function of this project as a task for one host."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=host.key, soft=False)
        # Once each: Ray stores a new one with the head, and without a head it waits a minute and ends this program.
        if function not in self._functions:
            self._functions[function] = self._ray.remote(max_retries=0, max_calls=1)(function)
        return self._functions[function].options(num_cpus=processors, scheduling_strategy=there)

    def deliver(self, parcels: Sequence[tuple[Parcel, Path]], hosts: Sequence[Host], say: Say) -> list[Host]:
        """Sends the files that hosts lack, one at a time; returns the hosts that have all of them.

        Args:
            parcels: each with the folder on this machine that its files are in.
            hosts: the hosts; one that cannot take the files, as with a full disk, is reported by name.
            say: prints a line for the user.

        Raises:
            HostsError: none can.
            StorageError: a file cannot be read.
        """
        fit = list(hosts)
        for parcel, folder in parcels:
            missing = self._answers({host: self._task(_missing, host, 0).remote(parcel) for host in fit}, fit, say)
            where = {file: [host for host, files in missing.items() if file in files] for file in parcel.files}
            lacking = {file: there for file, there in where.items() if there}
            with Progress("files", len(lacking)) as progress:
                for file, there in lacking.items():
                    with explained(folder / file.path):
                        data = self._ray.put((folder / file.path).read_bytes())
                    tasks = {
                        host: self._task(_store, host, 0).remote(parcel, file, data) for host in there if host in fit
                    }
                    taken = self._answers(tasks, fit, say)
                    progress.step(f"{file.path} to {counted(len(taken), 'host')}")
        if not fit:
            raise HostsError(f"none of {counted(len(hosts), 'host')} can take the files; the lines above say why")
        return fit

    def _answers(self, tasks: Mapping[Host, Any], fit: list[Host], say: Say) -> dict[Host, Any]:
        """What tasks return by host; a host whose task fails is taken out of `fit`."""
        answers = {}
        for host, task in tasks.items():
            try:
                answers[host] = self._ray.get(task)
            except self._ray.exceptions.RayError as error:
                fit.remove(host)
                say(f"{host.name} is left out: it does not take the files that pieces need ({_last_line(error)})")
        return answers

    def send(self, host: Host, order: Order) -> None:
        """See `Courier.send`."""
        # Where a host is lost with the head, the piece that goes to another one would wait for the head.
        self._head.make_sure()
        with _explained():
            self._tasks[host] = self._task(do_piece, host, host.processors).remote(order)

    def wait(self, timeout_s: float) -> Mapping[Host, Reply | Lost]:
        """See `Courier.wait`."""
        self._head.look()
        every = list(self._tasks.values())
        with _explained():
            ended, _ = self._ray.wait(every, num_returns=1, timeout=timeout_s) if every else ([], [])
            found = [host for host, task in self._tasks.items() if task in ended]
            return {host: self._reply(self._tasks.pop(host)) for host in found}

    def last_line(self, host: Host, order: Order) -> str:
        """See `Courier.last_line`; a process of a second on the host."""
        if self._head.is_silent:
            return ""
        with contextlib.suppress(Exception):
            task = self._task(last_line, host, 0).remote(order.job.digest, order.shard)
            return str(self._ray.get(task, timeout=_LINE_S))
        return ""

    def _reply(self, task: Any) -> Reply | Lost:
        errors = self._ray.exceptions
        try:
            reply: Reply = self._ray.get(task)
        except (errors.NodeDiedError, errors.TaskUnschedulableError, errors.ObjectLostError) as error:
            return Lost(type(error).__name__, host_gone=True)
        except errors.RayError as error:
            return Lost(_last_line(error), host_gone=False)
        return reply

    def cancel(self, hosts: Sequence[Host]) -> None:
        """See `Courier.cancel`."""
        if self._head.is_silent:
            return  # Workers end with the connection; without a head, nobody passes a cancellation on.
        tasks = [self._tasks[host] for host in hosts if host in self._tasks]
        with contextlib.suppress(Exception):
            for task in tasks:
                self._ray.cancel(task)
            if tasks:
                _, left = self._ray.wait(tasks, num_returns=len(tasks), timeout=_CANCEL_S)
                for task in left:
                    self._ray.cancel(task, force=True)

    def forget(self, digest: str, hosts: Sequence[Host]) -> None:
        """Has hosts remove what they keep of a job that is complete."""
        with contextlib.suppress(Exception):
            tasks = [self._task(on_host.forget, host, 0).remote(digest) for host in hosts]
            self._ray.wait(tasks, num_returns=len(tasks), timeout=_CANCEL_S)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Says what to do where Ray itself fails, whose errors then are of many kinds.

    Raises:
        HostsError: in the place of any other error.
    """
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:
        raise HostsError(
            f"the connection to the Ray cluster broke ({type(error).__name__}: {_last_line(error)}). The pieces that "
            "are finished are here: start what ended again, and repeat the command"
        ) from error


def _missing(parcel: Parcel) -> list[BundledFile]:
    return parcel.missing()


def _store(parcel: Parcel, file: BundledFile, data: bytes) -> None:
    parcel.store(file, data)


def _last_line(error: BaseException) -> str:
    """The reason of an error of Ray, whose text is a traceback of the other side."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else first_line(error)
