"""A job carried out: connected, handed out, collected and merged."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from foundation.wording import counted
from harness.accuracy.request import AccuracyRequest
from harness.errors import HostsError, MergeError
from harness.hosts.cluster import connected
from harness.hosts.host import facts_here
from harness.hosts.job import Job, Parts, number_of_pieces, parts_of, remove_folder, was_merged
from harness.hosts.parcel import Parcel
from harness.hosts.ray_courier import RayCourier
from harness.hosts.session import Session
from harness.merging.merge import merge

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


def carry_out(errand: Errand, say: Say) -> None:
    """Does a job on all hosts that can, and merges the pieces into its output.

    Raises:
        HostsError: no host can be used, or a piece failed on all of them.
        MergeError: the pieces cannot be merged; they are kept.
        KeyboardInterrupt: the user interrupted; finished pieces are kept.
    """
    folder = parts_of(errand.output)
    if was_merged(errand.job, errand.output):
        say(f"the pieces in {folder} were merged already")
        remove_folder(folder)
        return
    check_new(errand.output)
    here = facts_here(errand.images)
    with connected() as ray:
        courier = RayCourier(ray)
        hosts = courier.fit_hosts(errand.images, here, say)
        count = number_of_pieces(len(hosts), errand.things, errand.at_least)
        with Parts(folder, errand.job, count) as parts:
            if parts.missing():
                hosts = courier.deliver([(one.parcel, one.folder) for one in errand.sent], hosts, say)
            parcels = {one.placeholder: one.parcel for one in errand.sent}
            try:
                Session(parts, hosts, courier, parcels, say).run()
            except KeyboardInterrupt:
                say(f"interrupted; the pieces that are finished are in {folder}, the same command resumes there")
                raise
            _merge(parts, errand.output, say)
            courier.forget(errand.job.digest, hosts)
            remove_folder(folder)


def _merge(parts: Parts, output: Path, say: Say) -> None:
    folders = [parts.path(number) for number in range(1, parts.count + 1)]
    try:
        merged = merge(folders, output)
    except MergeError as error:
        raise MergeError(
            f"{error}\nThe pieces are in {parts.folder}. Remove the folder of one, and the same command does it again"
        ) from error
    what = counted(merged.count, "row" if merged.is_run else "model")
    say(f"{what} of {counted(len(folders), 'piece')} in {output}")
