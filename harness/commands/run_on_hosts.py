"""`harness run --on`: the models shared out over hosts of one environment, and done whole in each environment."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

from foundation.shard import Shard
from harness.artifacts.bundle import read_bundle
from harness.artifacts.sharing_out import shared_out
from harness.commands.carried_artifacts import artifacts_to_carry, devices_of
from harness.commands.on_hosts import check, digests_of
from harness.commands.report import write_all
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.hosts.carried import Errand, carry_out
from harness.hosts.job import Job, parts_of, remove_folder
from harness.hosts.words import with_whole_paths
from harness.runs.request import RunRequest
from harness.text.console import say

BESIDE_RAY = (
    "note: an idle Ray beside a measurement costs latencies some percent and ratios to the reference about one; for "
    "figures to publish, start run --shard K/N on hosts without Ray and merge them (docs/many_hosts.md, Latency)"
)


def run_on_hosts(arguments: argparse.Namespace, request: RunRequest) -> int:
    """Measures on all hosts; returns the exit code."""
    output = arguments.output
    if arguments.images:
        raise HarnessError(
            "--images: on several hosts, latency and accuracy are measured by two commands, run --on and accuracy "
            "--on; merge puts both into one table"
        )
    check(arguments, output / "new")
    carried = artifacts_to_carry(arguments, request, parts_of(output))
    bundle = read_bundle(carried.bundle) if carried.bundle else None
    models = shared_out(request.wanted, Shard(1, 1), bundle)[1].models
    job = Job("run", tuple(with_whole_paths(carried.words)), "--output", digests_of(carried.sent))
    errand = Errand(
        job,
        output,
        len(models),
        1,
        carried.sent,
        devices=devices_of(request, times=True),
        spread_percent=arguments.spread,
        each_environment=True,
        write_reports=write_all,
    )
    say(BESIDE_RAY)
    outputs = carry_out(errand, say)
    if parts_of(output).is_dir():
        # The bundle.
        remove_folder(parts_of(output))
    if len(outputs) > 1:
        folders = " ".join(map(str, outputs))
        say(f"all environments in one page: python -m reports html {folders} -o {output / 'report.html'}")
    return _exit_code(outputs)


def _exit_code(outputs: Sequence[Path]) -> int:
    """Whether every row is ok."""
    statuses = []
    for folder in outputs:
        with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
            statuses += [row["status"] for row in csv.DictReader(file)]
    return EXIT_SUCCESS if set(statuses) <= {"ok"} else EXIT_FAILED_ROWS
