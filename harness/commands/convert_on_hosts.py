"""`harness convert --on`: shards of the models converted on several hosts, their bundles merged."""

from __future__ import annotations

import argparse

from foundation.shard import Shard
from harness.artifacts.bundle import read_bundle
from harness.artifacts.request import ArtifactRequest
from harness.artifacts.sharing_out import shared_out
from harness.commands.on_hosts import ABOUT_HOSTS, check, digests_of, files_to_send
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.hosts.carried import Errand, carry_out
from harness.hosts.job import Job
from harness.hosts.words import with_whole_paths, without
from harness.text.console import say


def convert_on_hosts(arguments: argparse.Namespace, request: ArtifactRequest) -> int:
    """Converts on all hosts; returns the exit code."""
    if arguments.export is None:
        raise HarnessError("--on: add --export DIR, the folder that the artifacts of all hosts are put into")
    check(arguments, arguments.export)
    words = with_whole_paths(without(arguments.words, ABOUT_HOSTS))
    files = files_to_send(request.onnx_files)
    words += [word for file in files for word in ("--onnx", file)]
    sent = tuple(files.values())
    job = Job("convert", tuple(words), "--export", digests_of(sent))
    models = shared_out(request, Shard(1, 1))[1].models
    carry_out(Errand(job, arguments.export, len(models), 1, sent), say)
    failed = False
    for model in read_bundle(arguments.export).models:
        failed |= model.artifact is None
        why = f"{model.facts['status']}: {model.facts['reason']}"
        print(f"{model.identity.model}\t{arguments.export / model.artifact.path if model.artifact else why}")
    return EXIT_FAILED_ROWS if failed else EXIT_SUCCESS
