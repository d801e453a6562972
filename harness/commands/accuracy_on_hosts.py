"""`harness accuracy --on`: shards of the images evaluated on several hosts, with artifacts that are made once."""

from __future__ import annotations

import argparse
import csv
import dataclasses
from pathlib import Path

from harness.accuracy.request import AccuracyRequest
from harness.artifacts.bundle_writer import BundleWriter
from harness.commands.on_hosts import ABOUT_HOSTS, check, digests_of, files_to_send
from harness.commands.options.conversion import ConversionOptions
from harness.commands.report import write_all
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.hosts.carried import Errand, Sent, carry_out
from harness.hosts.host import facts_here
from harness.hosts.job import Job, parts_of
from harness.hosts.parcel import Parcel
from harness.hosts.words import with_whole_paths, without
from harness.runs.request import RunRequest
from harness.text.console import say

_IMAGES_OF_A_PIECE = 32
_CONVERTING = (
    *("--models", "--model", "--timm", "--torchvision", "--weights", "--mirror", "--weights-lock", "--implementation"),
    *("--exporter", "--opset", "--conversion-timeout", "--workers"),
)
"""Options of what this machine converts before anything is handed out; each has one value."""
_CONVERTING_FILES_TOO = ("--resolution", "--int8-scheme", "--calibration-images", "--calibration-count")
_BUNDLE = "@bundle@"
_BUNDLE_FOLDER = "bundle"


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
    files = files_to_send(request.wanted.onnx_files)
    words = without(arguments.words, ABOUT_HOSTS) + [word for file in files for word in ("--onnx", file)]
    sent = list(files.values())
    bundle = request.wanted.artifacts
    if bundle is None and (request.wanted.models or request.wanted.own_models):
        bundle = _converted(request, arguments)
        words = without(words, dict.fromkeys(_CONVERTING + (() if files else _CONVERTING_FILES_TOO), 1))
    if bundle is not None:
        words = [*without(words, {"--artifacts": 1}), "--artifacts", _BUNDLE]
        sent.append(Sent(_BUNDLE, Parcel.of_bundle(bundle), bundle))
    job = Job("accuracy", tuple(with_whole_paths(words)), "--output", {**digests_of(sent), "images": here.images})
    carry_out(Errand(job, output, here.images_count, _IMAGES_OF_A_PIECE, tuple(sent), images), say)
    write_all(output)
    return _exit_code(output)


def _whole(images: AccuracyRequest) -> AccuracyRequest:
    """The request with paths from the root, as every host is asked for them."""
    truth = images.ground_truth
    return dataclasses.replace(images, images=images.images.absolute(), ground_truth=truth and truth.absolute())


def _converted(request: RunRequest, arguments: argparse.Namespace) -> Path:
    """The bundle of the requested models, converted on this machine."""
    # Not at the top: a machine that only measures has nothing that converts.
    from harness.artifacts.conversions import convert_variants
    from harness.commands.convert import export_series

    wanted = [dataclasses.replace(one, onnx_files=()) for one in request.requests]
    folder = parts_of(arguments.output) / _BUNDLE_FOLDER
    with BundleWriter(folder) as writer:
        export_series(convert_variants(wanted, ConversionOptions.read(arguments).cache_dir, say), writer)
    return folder


def _exit_code(output: Path) -> int:
    """Whether every row has an accuracy."""
    with (output / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return EXIT_SUCCESS if all(row["accuracy_measured_top1_percent"] for row in rows) else EXIT_FAILED_ROWS
