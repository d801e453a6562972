"""A host: what it says of itself before it is given a piece."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import shutil

from foundation.digests import json_sha256
from harness.accuracy.request import AccuracyRequest
from harness.datasets import ImageSet
from harness.errors import AccuracyError, HarnessError
from harness.hosts.environments import AskedDevices, FoundEnvironments, environments_here
from harness.hosts.piece import job_folder

_SAMPLE = 64
"""Number of images whose contents are compared before anything is handed out: another encoding or size of the whole set
shows in any of them, and a host reads them in a second."""


@dataclasses.dataclass(frozen=True)
class Host:
    """A host of the cluster."""

    key: str
    """By which the courier knows it."""
    name: str
    """For people."""
    processors: float
    """All of its processors, as the courier counts them."""


@dataclasses.dataclass(frozen=True)
class HostFacts:
    """What has to be the same on all hosts."""

    version: str
    images: str = ""
    """Digest of the images' names, labels and sizes and of some contents; empty if the job has none."""
    images_count: int = 0
    environments: FoundEnvironments | None = None
    """In which environments it measures; None if the job does not measure or was not asked about."""
    fault: str = ""
    """Why the images cannot be used, or a backend cannot run."""


def facts_here(images: AccuracyRequest | None, devices: AskedDevices | None = None) -> HostFacts:
    """The facts of the host where this runs.

    Args:
        images: those of the job; None if it has none.
        devices: what the job is measured on; None if that does not matter.
    """
    facts = HostFacts(importlib.metadata.version("baseline-zoo"))
    try:
        if images is not None:
            opened = images.open()
            digest = json_sha256([opened.digest, list(opened.sizes_bytes), _contents(opened)])
            facts = dataclasses.replace(facts, images=digest, images_count=len(opened.items))
        if devices is not None:
            facts = dataclasses.replace(facts, environments=environments_here(devices))
    except HarnessError as error:
        return dataclasses.replace(facts, fault=str(error))
    return facts


def _contents(images: ImageSet) -> list[str]:
    """Digests of the contents of some images, the same ones on every host; of one that cannot be read, the reason."""
    drawn = sorted(
        range(len(images.items)),
        key=lambda index: hashlib.sha256(images.items[index].name.encode("utf-8", "surrogateescape")).digest(),
    )
    return [_content(images, index) for index in sorted(drawn[:_SAMPLE])]


def _content(images: ImageSet, index: int) -> str:
    try:
        data = images.read(index)
    except AccuracyError:
        return "unreadable"
    return hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).hexdigest()


def unfit(facts: HostFacts, here: HostFacts) -> str:
    """Why a host cannot do pieces of the job, with what to do about it; empty if it can.

    Args:
        facts: what the host says.
        here: what is so on this machine.
    """
    if facts.version != here.version:
        return f"it has version {facts.version} of this project, this machine {here.version}: install the same there"
    if facts.fault:
        return facts.fault
    if facts.images != here.images:
        return "its images have other names, labels, sizes or contents than those of this machine: copy them again"
    return ""


def forget(digest: str) -> None:
    """Removes what the host where this runs keeps of a job that is complete."""
    shutil.rmtree(job_folder(digest), ignore_errors=True)
