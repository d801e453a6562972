"""What commands that several hosts carry out (--on) have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.artifacts.onnx_files import OnnxFile, named
from harness.errors import HarnessError
from harness.hosts.carried import Sent, check_new
from harness.hosts.job import parts_of
from harness.hosts.parcel import Parcel

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
