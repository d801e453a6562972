"""A job carried out: connected, handed out, collected and merged."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from foundation.wording import counted
from harness.accuracy.request import AccuracyRequest
from harness.errors import HarnessError, HostsError, MergeError
from harness.hosts.cluster import connected
from harness.hosts.environments import AskedDevices
from harness.hosts.host import Host, HostFacts, facts_here
from harness.hosts.job import Job, Parts, number_of_pieces, parts_of, remove_folder, was_merged
from harness.hosts.parcel import Parcel
from harness.hosts.ray_courier import RayCourier
from harness.hosts.session import Session
from harness.merging.merge import merge
from harness.merging.speeds import DEFAULT_SPREAD_PERCENT
from harness.records.run_info import differing_facts

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Sent:
    """Files that the pieces need."""

    placeholder: str
    """Stands for their folder in the words."""
    parcel: Parcel
    folder: Path
    """Where they are on this machine."""


@dataclasses.dataclass(frozen=True)
class Errand:
    """Everything there is to know about a job before any host is known."""

    job: Job
    output: Path
    """The new folder of the whole."""
    things: int
    """Number of images or models that are shared out."""
    at_least: int
    """Number of things that are worth a piece."""
    sent: tuple[Sent, ...] = ()
    images: AccuracyRequest | None = None
    devices: AskedDevices | None = None
    """What is measured on; None if that does not matter."""
    spread_percent: float = DEFAULT_SPREAD_PERCENT
    """See `harness.merging.speeds.check_speeds`."""
    each_environment: bool = False
    """Whether hosts of every environment do the whole job, into a folder of its own below `output`; otherwise the hosts
    of one environment do it."""
    write_reports: Callable[[Path], None] | None = None
    """Writes into the folder of the whole what no piece has, before the pieces are removed."""


def check_new(output: Path) -> None:
    """Refuses a folder that holds something.

    Raises:
        HostsError: see above.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise HostsError(
            f"{output} is there already, and what hosts leave is merged into a new folder: give another one. `merge` "
            "puts an evaluation beside an earlier run of the same artifacts"
        )


def carry_out(errand: Errand, say: Say) -> list[Path]:
    """Does a job on all hosts that can, and merges the pieces; returns the folders of the whole.

    Raises:
        HostsError: no host can be used, or a piece failed on all of them.
        MergeError: the pieces cannot be merged; they are kept.
        KeyboardInterrupt: the user interrupted; finished pieces are kept.
    """
    if not errand.each_environment:
        if was_merged(errand.job, errand.output):
            say(f"the pieces in {parts_of(errand.output)} were merged already")
            _finish(errand)
            return [errand.output]
        check_new(errand.output)
    here = facts_here(errand.images)
    with connected() as ray:
        courier = RayCourier(ray)
        fit = courier.fit_hosts(errand.images, errand.devices, here, say)
        jobs = _jobs(errand, fit, say)
        failures = [error for one, hosts in jobs if (error := _done(one, hosts, courier, say))]
        if failures:
            raise failures[0]
        for one, hosts in jobs:
            courier.forget(one.job.digest, hosts)
            _finish(one)
    return [one.output for one, _ in jobs]


def _finish(errand: Errand) -> None:
    """Completes the whole, then removes the pieces: killed in between, the same command does so again."""
    if errand.write_reports:
        errand.write_reports(errand.output)
    remove_folder(parts_of(errand.output))


def _jobs(errand: Errand, fit: Mapping[Host, HostFacts], say: Say) -> list[tuple[Errand, list[Host]]]:
    """The job with its hosts, or a job for each environment, that with the most processors first."""
    groups: dict[str, list[Host]] = {}
    for host, facts in fit.items():
        groups.setdefault(facts.environments.name if facts.environments else "", []).append(host)
    ordered = sorted(groups.items(), key=lambda item: (-sum(host.processors for host in item[1]), item[0]))
    if errand.each_environment:
        return [(_of_environment(errand, name), hosts) for name, hosts in ordered]
    (_, chosen), *others = ordered
    for _, hosts in others:
        for host in hosts:
            told = _difference(fit[chosen[0]], fit[host])
            say(f"{host.name} is left out: its results would be those of another environment ({told})")
    return [(errand, chosen)]


def _of_environment(errand: Errand, name: str) -> Errand:
    job = dataclasses.replace(errand.job, contents={**errand.job.contents, "environment": name})
    return dataclasses.replace(errand, job=job, output=errand.output / name)


def _difference(one: HostFacts, other: HostFacts) -> str:
    assert one.environments
    assert other.environments
    differences = differing_facts(one.environments.facts, other.environments.facts)
    return "; ".join(f"{name.partition('.')[2]} {theirs!r}, not {ours!r}" for name, ours, theirs in differences)


def _done(errand: Errand, hosts: list[Host], courier: RayCourier, say: Say) -> HarnessError | None:
    """Does one job; returns why it could not be done, so that those of other environments go on."""
    folder = parts_of(errand.output)
    if errand.each_environment:
        say(f"environment {errand.output.name}: {', '.join(host.name for host in hosts)}")
        if was_merged(errand.job, errand.output):
            say(f"the pieces in {folder} were merged already")
            return None
    try:
        check_new(errand.output)
        _collected(errand, hosts, courier, say)
    except (HostsError, MergeError) as error:
        say(f"error: {error}")
        return error
    except KeyboardInterrupt:
        say(f"interrupted; the pieces that are finished are in {folder}, the same command resumes there")
        raise
    return None


def _collected(errand: Errand, hosts: list[Host], courier: RayCourier, say: Say) -> None:
    count = number_of_pieces(len(hosts), errand.things, errand.at_least)
    with Parts(parts_of(errand.output), errand.job, count) as parts:
        if parts.missing():
            hosts = courier.deliver([(one.parcel, one.folder) for one in errand.sent], hosts, say)
        parcels = {one.placeholder: one.parcel for one in errand.sent}
        Session(parts, list(hosts), courier, parcels, say).run()
        _merge(parts, errand, say)


def _merge(parts: Parts, errand: Errand, say: Say) -> None:
    folders = [parts.path(number) for number in range(1, parts.count + 1)]
    try:
        merged = merge(folders, errand.output, errand.spread_percent)
    except MergeError as error:
        raise MergeError(
            f"{error}\nThe pieces are in {parts.folder}. Remove the folder of one, and the same command does it again"
        ) from error
    what = counted(merged.count, "row" if merged.is_run else "model")
    say(f"{what} of {counted(len(folders), 'piece')} in {errand.output}")
