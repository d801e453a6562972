"""What `run --on` and `accuracy --on` carry: a command, with artifacts that are made here, once."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from harness.artifacts.bundle_writer import BundleWriter
from harness.commands.convert import export_series
from harness.commands.on_hosts import ABOUT_HOSTS, files_to_send
from harness.commands.options.conversion import ConversionOptions
from harness.hosts.carried import Sent
from harness.hosts.environments import AskedDevices
from harness.hosts.parcel import Parcel
from harness.hosts.words import without
from harness.runs.request import RunRequest
from harness.text.console import say

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

    wanted = [dataclasses.replace(one, onnx_files=()) for one in request.requests]
    with BundleWriter(folder) as writer:
        export_series(convert_variants(wanted, ConversionOptions.read(arguments).cache_dir, say), writer)
    return folder


def devices_of(request: RunRequest, *, times: bool) -> AskedDevices:
    """What the request is measured on; `times` says whether latency is measured."""
    names = tuple(dict.fromkeys(one.backend for one in request.requests))
    return AskedDevices(names, request.threads, request.gpu, times)
