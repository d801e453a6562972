"""`harness sweep`: several versions of a runtime on the same artifacts."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from foundation.wording import counted, listed
from harness.artifacts.conversions import convert_all, file_series
from harness.artifacts.request import ArtifactRequest
from harness.commands.command import Command
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.measuring import read_timing
from harness.commands.options.models import MODELS_HELP, FileOptions, ModelOptions
from harness.commands.options.outputs import add_outputs, read_outputs
from harness.commands.options.pairs import add_pair_counts, add_pair_timing
from harness.commands.options.precision import PrecisionOptions
from harness.commands.options.request import artifact_request
from harness.commands.options.rules import add_rules, read_rules
from harness.commands.options.types import duration_s
from harness.commands.options.weights import WeightsOptions
from harness.comparison.gate import GateRules
from harness.comparison.gate_setup import PairSettings
from harness.comparison.sides import SideSeries, read_folder, selected, side_series
from harness.comparison.verdict import exit_code
from harness.errors import EXIT_SUCCESS, HarnessError
from harness.files.storage import replace_text
from harness.machine.gpu.settings import GpuSettings
from harness.sweep import report
from harness.sweep.environments import FOLDER_NAME, EnvironmentStore
from harness.sweep.outcome import Sweep
from harness.sweep.sweep import PACKAGES, SweepRequest, sweep, sweep_directory
from harness.sweep.versions import INSTALLED, asked_versions, order_of
from harness.text.console import say

DEFAULT_OUTPUT = Path("sweep")

_DESCRIPTION = """\
Measures the same artifacts with several versions of a runtime, and names the first version from which a series is
slower:

  python -m harness sweep --package onnxruntime --versions 1.23.2,1.28.0,1.30.0 --models smoke

Each version gets a Python environment of its own, made by venv and pip with the version, numpy and what they need, and
kept in the cache. Neighbouring versions are compared by the gate's pairs, and of more than two also the oldest with the
newest, which shows what small changes add up to. A version that cannot be installed, or cannot read a file, is part of
the table with its reason, and the versions around it are compared.
"""

_EPILOG = f"""\
{MODELS_HELP}
Files that a sweep writes to the output directory:
  sweep.csv   one row per series and version; sweep.md, the table
  OLD--NEW/   the pairs of two versions, on disk one by one

Interrupt a sweep whenever you like: the same command resumes it, and with further --versions it measures what is new.
Environments lie in {FOLDER_NAME}/ of the cache; --forget removes those of --versions, or all of the package.

Exit codes: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing regressed, but a series is
inconclusive or was not measured with every version; 130 interrupted.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("versions")
    group.add_argument("--package", choices=PACKAGES, required=True, help="the runtime's package")
    group.add_argument(
        "--versions",
        action="append",
        default=[],
        metavar="VERSIONS",
        help=f"two or more, as in 1.23.2,1.28.0; `{INSTALLED}` is this environment's",
    )
    group.add_argument(
        "--install-timeout", type=duration_s, default=1800.0, metavar="TIME", help="time limit of one version (30m)"
    )
    group.add_argument("--forget", action="store_true", help="remove the versions' environments, and measure nothing")
    ModelOptions.add(parser)
    FileOptions.add_files(parser, "an ONNX file, measured as it is, or made from it in --precision")
    parser.add_argument(
        "--artifacts",
        type=Path,
        metavar="DIR",
        help="measure what convert --export wrote, or the artifacts of a run directory; --models then selects within "
        "it, as do --precision and --batch",
    )
    FileOptions.add_inputs(parser)
    add_pair_counts(add_rules(parser), GateRules())
    add_pair_timing(parser.add_argument_group("measuring"))
    add_outputs(parser).add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="the sweep's directory (%(default)s)"
    )
    PrecisionOptions.add(parser)
    WeightsOptions.add(parser)
    ConversionOptions.add(parser)


def _sweep(arguments: argparse.Namespace) -> int:
    """Compares the versions, prints the table and writes the files."""
    if arguments.forget:
        return _forget(arguments)
    request, wanted = _request(arguments), _artifact_request(arguments)
    wanted.check()
    request.check(series=1)
    with sweep_directory(arguments.output) as journal:
        found = sweep(request, _series(wanted, arguments), arguments.output, journal)
        table = report.markdown(found, request.rules)
        replace_text(arguments.output / "sweep.csv", report.csv_text(found))
        replace_text(arguments.output / "sweep.md", table)
    text, junit = report.text(found, request.rules), report.junit_xml(found, request.rules)
    read_outputs(arguments).write(text, table, junit, _json(found, request.rules))
    return exit_code(found.verdicts)


def _request(arguments: argparse.Namespace) -> SweepRequest:
    rules = GateRules(
        **dataclasses.asdict(read_rules(arguments)),
        screen_pairs=arguments.pairs,
        confirm_pairs=arguments.confirm_pairs,
    )
    conversion = ConversionOptions.read(arguments)
    settings = PairSettings(
        backend=PACKAGES[arguments.package],
        threads=arguments.threads,
        timing=read_timing(arguments),
        gpu=GpuSettings(),
        exclusive=False,
        wait=arguments.wait,
        timeout_s=arguments.pair_timeout,
        build_timeout_s=0.0,
        cache_dir=conversion.cache_dir,
        builds=1,
        seed=arguments.seed,
    )
    versions = asked_versions(arguments.versions, arguments.package)
    return SweepRequest(arguments.package, versions, rules, settings, arguments.install_timeout)


def _artifact_request(arguments: argparse.Namespace) -> ArtifactRequest:
    request = artifact_request(
        ModelOptions.read(arguments),
        FileOptions.read(arguments),
        PrecisionOptions.read(arguments),
        WeightsOptions.read(arguments),
        ConversionOptions.read(arguments),
    )
    return dataclasses.replace(request, backend=PACKAGES[arguments.package])


def _series(wanted: ArtifactRequest, arguments: argparse.Namespace) -> list[SideSeries]:
    """The series of a folder and of ONNX files, or those that are converted here."""
    cache_dir = ConversionOptions.read(arguments).cache_dir
    if wanted.artifacts is None:
        return [side_series(one) for one in convert_all(wanted, cache_dir, say)]
    there = read_folder(wanted.artifacts, wanted.backend)
    names = selected(there, [], list(wanted.models))
    chosen = [
        one
        for one in there
        if one.model in names and arguments.precision in (None, one.precision) and arguments.batch in (None, one.batch)
    ]
    if not chosen:
        offered = listed(str(one) for one in there)
        raise HarnessError(f"{wanted.artifacts} has no such series in this precision and batch; it has {offered}")
    return chosen + [side_series(one) for one in file_series(wanted, cache_dir, say)]


def _forget(arguments: argparse.Namespace) -> int:
    """Removes environments and says what became free."""
    store = EnvironmentStore(ConversionOptions.read(arguments).cache_dir)
    asked = [word.strip() for text in arguments.versions for word in text.split(",") if word.strip()]
    try:
        wanted = {order_of(word) for word in asked}
    except ValueError as error:
        raise HarnessError(f"--versions: {error}") from error
    kept = store.kept(arguments.package)
    chosen = [one for one in kept if not wanted or order_of(one.version) in wanted]
    for one in chosen:
        store.forget(one, say)
        say(f"removed {one}: {one.size_mib:.0f} MiB")
    say(f"{counted(len(chosen), 'environment')} removed from {store.folder}, {len(kept) - len(chosen)} kept")
    return EXIT_SUCCESS


def _json(found: Sweep, rules: GateRules) -> str:
    """Everything, including every pair."""
    return json.dumps({"rules": dataclasses.asdict(rules), **found.to_json()}, indent=1) + "\n"


SWEEP = Command(_add_options, _sweep, description=_DESCRIPTION, epilog=_EPILOG)
