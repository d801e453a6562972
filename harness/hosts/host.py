"""A host: what it says of itself before it is given a piece."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import shutil

from foundation.digests import json_sha256
from harness.accuracy.request import AccuracyRequest
from harness.errors import HarnessError
from harness.hosts.environments import AskedDevices, FoundEnvironments, environments_here
from harness.hosts.piece import job_folder


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
    """Digest of the images' names, labels and sizes; empty if the job has none."""
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
            digest = json_sha256([opened.digest, list(opened.sizes_bytes)])
            facts = dataclasses.replace(facts, images=digest, images_count=len(opened.items))
        if devices is not None:
            facts = dataclasses.replace(facts, environments=environments_here(devices))
    except HarnessError as error:
        return dataclasses.replace(facts, fault=str(error))
    return facts


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
        return "its images have other names, labels or sizes than those of this machine: copy them again"
    return ""


def forget(digest: str) -> None:
    """Removes what the host where this runs keeps of a job that is complete."""
    shutil.rmtree(job_folder(digest), ignore_errors=True)
