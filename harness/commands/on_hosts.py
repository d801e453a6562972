"""Commands carried out on several hosts (--on): what their options mean there."""

from __future__ import annotations

import argparse
import csv
import dataclasses
from pathlib import Path

from foundation.shard import Shard
from harness.accuracy.request import AccuracyRequest
from harness.artifacts.bundle import read_bundle
from harness.artifacts.bundle_writer import BundleWriter
from harness.artifacts.onnx_files import named
from harness.artifacts.request import ArtifactRequest
from harness.artifacts.sharing_out import shared_out
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.hosts import check_hosts
from harness.commands.report import write_all
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.hosts.carried import Errand, Sent, carry_out, check_new
from harness.hosts.host import facts_here
from harness.hosts.job import Job, parts_of
from harness.hosts.parcel import Parcel
from harness.hosts.words import with_whole_paths, without
from harness.runs.request import RunRequest
from harness.text.console import say

_IMAGES_OF_A_PIECE = 32
_ABOUT_HOSTS = {"--on": 1, "--output": 1, "--export": 1, "--resume": 0, "--cache-dir": 1}
"""Options that mean nothing on another host, with the number of their values."""
_CONVERTING = dict.fromkeys(
    (
        *("--models", "--model", "--timm", "--torchvision", "--weights", "--mirror", "--weights-lock"),
        *("--implementation", "--exporter", "--opset", "--conversion-timeout", "--workers"),
    ),
    1,
)
"""Options of what this machine has converted before anything is handed out."""
_CONVERTING_FILES_TOO = dict.fromkeys(
    ("--resolution", "--int8-scheme", "--calibration-images", "--calibration-count"), 1
)
_BUNDLE = "@bundle@"
_BUNDLE_FOLDER = "bundle"


def accuracy_on_hosts(arguments: argparse.Namespace, request: RunRequest, images: AccuracyRequest) -> int:
    """Evaluates on all hosts; returns the exit code."""
    check_hosts(arguments)
    output = arguments.output
    _check_new(output)
    if arguments.resume and not parts_of(output).is_dir():
        raise HarnessError(f"--resume: there are no pieces of an earlier command in {parts_of(output)}")
    images = dataclasses.replace(
        images, images=images.images.absolute(), ground_truth=images.ground_truth and images.ground_truth.absolute()
    )
    count = len(images.open().items)
    words = without(arguments.words, _ABOUT_HOSTS | {"--artifacts": 1, "--onnx": 1})
    wanted = request.wanted
    sent: dict[str, Sent] = {}
    bundle = wanted.artifacts.absolute() if wanted.artifacts else None
    if bundle is None and (wanted.models or wanted.own_models):
        bundle = _converted(request, ConversionOptions.read(arguments).cache_dir, parts_of(output) / _BUNDLE_FOLDER)
        words = without(words, _CONVERTING if wanted.onnx_files else _CONVERTING | _CONVERTING_FILES_TOO)
    if bundle is not None:
        sent[_BUNDLE] = Sent(Parcel.of_bundle(bundle), bundle)
        words += ["--artifacts", _BUNDLE]
    sent |= _files(wanted, words)
    digests = {placeholder: one.parcel.digest for placeholder, one in sent.items()}
    job = Job("accuracy", tuple(with_whole_paths(words)), "--output", {**digests, "images": facts_here(images).images})
    carry_out(Errand(job, output, count, _IMAGES_OF_A_PIECE, sent, images), say)
    write_all(output)
    return _exit_code(output)


def _check_new(output: Path) -> None:
    """Refuses an output before anything is converted, unless pieces of an earlier command are beside it."""
    if not parts_of(output).is_dir():
        check_new(output)


def _converted(request: RunRequest, cache_dir: Path, folder: Path) -> Path:
    """The bundle of the requested models, converted on this machine."""
    # Not at the top: a machine that only measures has nothing that converts.
    from harness.artifacts.conversions import convert_variants
    from harness.commands.convert import export_series

    wanted = [dataclasses.replace(one, onnx_files=()) for one in request.requests]
    with BundleWriter(folder) as writer:
        export_series(convert_variants(wanted, cache_dir, say), writer)
    return folder


def _files(wanted: ArtifactRequest, words: list[str]) -> dict[str, Sent]:
    """The user's ONNX files; their options are added to the words."""
    found = {}
    for number, (name, path) in enumerate(named(wanted.onnx_files).items()):
        if "/" in name:
            raise HarnessError(
                f"--onnx {path}: on several hosts, give files of equal names their own: --onnx NAME=FILE"
            )
        placeholder = f"@onnx{number}@"
        found[placeholder] = Sent(Parcel.of_onnx_file(path), path.absolute().parent)
        words += ["--onnx", f"{name}={placeholder}/{path.name}"]
    return found


def _exit_code(output: Path) -> int:
    """Whether every row has an accuracy."""
    with (output / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return EXIT_SUCCESS if all(row["accuracy_measured_top1_percent"] for row in rows) else EXIT_FAILED_ROWS


def convert_on_hosts(arguments: argparse.Namespace, request: ArtifactRequest) -> int:
    """Converts on all hosts; returns the exit code."""
    check_hosts(arguments)
    if arguments.export is None:
        raise HarnessError("--on: add --export DIR, the folder that all hosts' artifacts are put into")
    output = arguments.export
    _check_new(output)
    names = shared_out(request, Shard(1, 1))[1].models
    words = without(arguments.words, _ABOUT_HOSTS | {"--onnx": 1})
    sent = _files(request, words)
    digests = {placeholder: one.parcel.digest for placeholder, one in sent.items()}
    job = Job("convert", tuple(with_whole_paths(words)), "--export", digests)
    carry_out(Errand(job, output, len(names), 1, sent), say)
    failed = False
    for model in read_bundle(output).models:
        failed |= model.artifact is None
        where = output / model.artifact.path if model.artifact else f"{model.facts['status']}: {model.facts['reason']}"
        print(f"{model.identity.model}\t{where}")
    return EXIT_FAILED_ROWS if failed else EXIT_SUCCESS
