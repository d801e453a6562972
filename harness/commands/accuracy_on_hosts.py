"""`harness accuracy --on`: shards of the images evaluated on several hosts, with artifacts that are made once."""

from __future__ import annotations

import argparse
import csv
import dataclasses
from pathlib import Path

from harness.accuracy.request import AccuracyRequest
from harness.commands.carried_artifacts import artifacts_to_carry, devices_of
from harness.commands.on_hosts import check, digests_of
from harness.commands.report import write_all
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.hosts.carried import Errand, carry_out
from harness.hosts.host import facts_here
from harness.hosts.job import Job, parts_of
from harness.hosts.words import with_whole_paths
from harness.runs.request import RunRequest
from harness.text.console import say

_IMAGES_OF_A_PIECE = 32


def accuracy_on_hosts(arguments: argparse.Namespace, request: RunRequest, images: AccuracyRequest) -> int:
    """Evaluates on all hosts; returns the exit code."""
    output = arguments.output
    check(arguments, output)
    if arguments.resume and not parts_of(output).is_dir():
        raise HarnessError(f"--resume: there are no pieces of an earlier command in {parts_of(output)}")
    images = _whole(images)
    here = facts_here(images)
    if here.fault:
        raise HarnessError(here.fault)
    carried = artifacts_to_carry(arguments, request, parts_of(output))
    contents = {**digests_of(carried.sent), "images": here.images}
    job = Job("accuracy", tuple(with_whole_paths(carried.words)), "--output", contents)
    errand = Errand(
        job,
        output,
        here.images_count,
        _IMAGES_OF_A_PIECE,
        carried.sent,
        images,
        devices_of(request, times=False),
        write_reports=write_all,
    )
    carry_out(errand, say)
    return _exit_code(output)


def _whole(images: AccuracyRequest) -> AccuracyRequest:
    """The request with paths from the root, as every host is asked for them."""
    truth = images.ground_truth
    return dataclasses.replace(images, images=images.images.absolute(), ground_truth=truth and truth.absolute())


def _exit_code(output: Path) -> int:
    """Whether every row has an accuracy."""
    with (output / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return EXIT_SUCCESS if all(row["accuracy_measured_top1_percent"] for row in rows) else EXIT_FAILED_ROWS
