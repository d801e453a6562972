"""What commands that several hosts carry out (--on) have in common."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.artifacts.bundle_writer import BundleWriter
from harness.artifacts.onnx_files import OnnxFile, named
from harness.commands.options.conversion import ConversionOptions
from harness.errors import HarnessError
from harness.hosts.carried import Sent, check_new
from harness.hosts.environments import AskedDevices
from harness.hosts.job import parts_of
from harness.hosts.parcel import Parcel
from harness.hosts.words import without
from harness.runs.request import RunRequest
from harness.text.console import say

ABOUT_HOSTS = {"--on": 1, "--output": 1, "--export": 1, "--resume": 0, "--cache-dir": 1, "--onnx": 1, "--spread": 1}
"""Options that mean nothing on another host, or something else there, with the number of their values."""


def check(arguments: argparse.Namespace, output: Path) -> None:
    """Refuses what several hosts cannot do, before anything is converted.

    Raises:
        HarnessError: see above.
    """
    if arguments.shard:
        raise HarnessError("--shard: --on shares out by itself; give one of the two")
    if not parts_of(output).is_dir():
        check_new(output)


def files_to_send(files: Iterable[OnnxFile]) -> dict[str, Sent]:
    """The user's ONNX files, by the `[NAME=]FILE` that the pieces are given."""
    found = {}
    for number, (name, path) in enumerate(named(files).items()):
        if "/" in name:
            raise HarnessError(
                f"--onnx {path}: on several hosts, give files of equal names their own: --onnx NAME=FILE"
            )
        found[f"{name}=@onnx{number}@/{path.name}"] = Sent(
            f"@onnx{number}@", Parcel.of_onnx_file(path), path.absolute().parent
        )
    return found


def digests_of(sent: Iterable[Sent]) -> Mapping[str, str]:
    """Digests of what is sent, for the identity of a job."""
    return {one.placeholder: one.parcel.digest for one in sent}


_CONVERTING = (
    *("--models", "--model", "--timm", "--torchvision", "--weights", "--mirror", "--weights-lock", "--implementation"),
    *("--exporter", "--opset", "--conversion-timeout", "--workers"),
)
"""Options of what this machine converts before anything is handed out; each has one value."""
_CONVERTING_FILES_TOO = ("--resolution", "--int8-scheme", "--calibration-images", "--calibration-count")
_BUNDLE = "@bundle@"
_BUNDLE_FOLDER = "bundle"


@dataclasses.dataclass(frozen=True)
class Carried:
    """A command whose artifacts are made here, once."""

    words: list[str]
    """Its words on another host, with placeholders."""
    sent: tuple[Sent, ...]
    """What the placeholders stand for."""
    bundle: Path | None
    """The bundle among it, if there is one."""


def artifacts_to_carry(arguments: argparse.Namespace, request: RunRequest, parts: Path) -> Carried:
    """Converts what the request has models of, on this machine; user's files go as they are.

    Args:
        arguments: the parsed command.
        request: what it asks for.
        parts: the folder of the pieces, in which the bundle is made.

    Raises:
        HarnessError: see `harness.artifacts.conversions.convert_variants`.
    """
    files = files_to_send(request.wanted.onnx_files)
    words = without(arguments.words, ABOUT_HOSTS) + [word for file in files for word in ("--onnx", file)]
    sent = list(files.values())
    bundle = request.wanted.artifacts
    if bundle is None and (request.wanted.models or request.wanted.own_models):
        bundle = _converted(request, arguments, parts / _BUNDLE_FOLDER)
        words = without(words, dict.fromkeys(_CONVERTING + (() if files else _CONVERTING_FILES_TOO), 1))
    if bundle is not None:
        words = [*without(words, {"--artifacts": 1}), "--artifacts", _BUNDLE]
        sent.append(Sent(_BUNDLE, Parcel.of_bundle(bundle), bundle))
    return Carried(words, tuple(sent), bundle)


def _converted(request: RunRequest, arguments: argparse.Namespace, folder: Path) -> Path:
    """The bundle of the requested models, converted on this machine."""
    # Not at the top: a machine that only measures has nothing that converts.
    from harness.artifacts.conversions import convert_variants
    from harness.commands.convert import export_series

    wanted = [dataclasses.replace(one, onnx_files=()) for one in request.requests]
    with BundleWriter(folder) as writer:
        export_series(convert_variants(wanted, ConversionOptions.read(arguments).cache_dir, say), writer)
    return folder


def devices_of(request: RunRequest, *, times: bool) -> AskedDevices:
    """What the request is measured on; `times` says whether latency is measured."""
    names = tuple(dict.fromkeys(one.backend for one in request.requests))
    return AskedDevices(names, request.threads, request.gpu, times)
