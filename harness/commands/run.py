"""`harness run`: models converted, measured in rounds of fresh processes, and reported."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.wording import counted
from harness.artifacts.onnx_files import named
from harness.artifacts.request import ArtifactRequest
from harness.artifacts.variants import variant_text
from harness.commands.command import Command
from harness.commands.options.directory import add_directory
from harness.commands.options.hosts import add_hosts, add_spread
from harness.commands.options.images import IMAGES_HELP, add_image_options, read_accuracy_request
from harness.commands.options.measuring import MeasuringOptions
from harness.commands.options.models import MODELS_HELP, FileOptions, ModelOptions
from harness.commands.options.request import RequestOptions
from harness.commands.options.shard import add_shard
from harness.commands.report import write_all
from harness.errors import EXIT_SUCCESS, HarnessError
from harness.runs.request import RunRequest
from harness.text.console import say

if TYPE_CHECKING:
    from converters.request import ConversionRequest
    from foundation.shard import Shard
    from harness.runs.run import RunOutcome

_DESCRIPTION = "Converts what is missing, then measures every series in rounds of fresh processes."

_EPILOG = f"""\
{MODELS_HELP}
{IMAGES_HELP}
Files that a run writes to the output directory:
  results.csv     one row per series, up to date after every trial (docs/columns.md)
  results.md      the table with its frontier; frontier.svg and .png, the picture
  report.html     both in one page that can be sorted and filtered, and opens offline
  trials.jsonl    every trial; samples/, the raw times
  accuracy/       with --images: every image's top-5

Run the same command again to resume after an interruption: nothing finished is measured twice.

Exit codes: 0 success; 1 some rows are not ok, see their reason; 2 a bad request; 130 interrupted.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    ModelOptions.add(parser)
    FileOptions.add(parser)
    add_shard(parser, "the models, alike in multiply-adds")
    add_hosts(parser, "the models")
    add_spread(parser)
    add_directory(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    MeasuringOptions.add(parser)
    RequestOptions.add(parser, several=True)
    add_image_options(parser, required=False)


def request_of(arguments: argparse.Namespace) -> RunRequest:
    """The run that the options request.

    Raises:
        HarnessError: an option contradicts the protocol.
    """
    measuring = MeasuringOptions.read(arguments)
    request = RequestOptions.read(arguments).request(ModelOptions.read(arguments), measuring.protocol)
    request = dataclasses.replace(
        request,
        rounds=measuring.rounds,
        budget_s=measuring.budget_s,
        half_width_percent=measuring.half_width_percent,
        trial_timeout_s=measuring.trial_timeout_s,
        timing=measuring.timing,
        wait=measuring.wait,
    )
    return _shard_of(request, arguments.shard) if arguments.shard else request


def _shard_of(request: RunRequest, asked: Shard) -> RunRequest:
    """The request for the models of one shard."""
    from harness.artifacts.bundle import read_bundle
    from harness.artifacts.sharing_out import shared_out

    request.check()
    wanted = request.wanted
    bundle = read_bundle(wanted.artifacts) if wanted.artifacts else None
    wanted, shard = shared_out(wanted, asked, bundle)
    return dataclasses.replace(request, wanted=wanted, shard=shard)


def _run(arguments: argparse.Namespace) -> int:
    """Measures the latency, then with images the accuracy, and writes the reports."""
    from harness.runs.run import measured

    request, images = request_of(arguments), read_accuracy_request(arguments)
    wanted = request.wanted
    request.check()
    if wanted.preprocessing and images is None and not (wanted.own_models or wanted.onnx_files):
        raise HarnessError("--preprocessing: without --model or --onnx, it is only used with --images DIR")
    output, cache_dir = arguments.output, RequestOptions.read(arguments).conversion.cache_dir
    if arguments.dry_run:
        _print_plan(request, cache_dir, output)
        return EXIT_SUCCESS
    if arguments.on:
        from harness.commands.run_on_hosts import run_on_hosts

        return run_on_hosts(arguments, request)
    opened = images.open() if images is not None else None
    evaluated = None
    try:
        with measured(request, output, cache_dir, say, resume=arguments.resume) as (ready, outcome):
            if images is not None and opened is not None:
                # Not at the top: a machine that only measures has neither the zoo nor the packages that read images.
                from harness.accuracy.session import AccuracyTask

                own = request.wanted.own_preprocessing()
                evaluated = AccuracyTask(images, opened, ready, say, own).evaluate(ready.series)
    except KeyboardInterrupt:
        write_all(output)
        say(f"interrupted; what is finished is in {output}, the same command resumes there")
        raise
    write_all(output)
    _say_outcome(outcome)
    if evaluated is None:
        return outcome.exit_code
    say(evaluated.text())
    return outcome.exit_code or evaluated.exit_code


def _say_outcome(outcome: RunOutcome) -> None:
    if outcome.stopped_by_budget:
        say("the budget is spent; the same command resumes with further trials (--budget, --rounds)")
    told = f"{counted(outcome.rows_ok, 'row')} ok"
    say(f"{told}, {outcome.rows_not_ok} not: see their reason" if outcome.rows_not_ok else told)


def _print_plan(request: RunRequest, cache_dir: Path, output: Path) -> None:
    """Prints what a run would do, without touching anything."""
    wanted, lines, missing = request.wanted, list[str](), 0
    counted_once: list[list[ConversionRequest]] = []
    for one in request.requests:
        if wanted.artifacts:
            found = _bundle_plan(one, wanted.artifacts)
        else:
            found, to_convert = _conversion_plan(one, cache_dir)
            if (conversions := one.conversions()) not in counted_once:
                counted_once.append(conversions)
                missing += to_convert
        which = variant_text(one, request.varied)
        lines += [f"{line}  ({which})" if which else line for line in found]
    backends = " and ".join(dict.fromkeys(one.backend for one in request.requests))
    print("\n".join(lines))
    if wanted.artifacts:
        say(f"{len(lines)} series, up to {request.rounds} rounds on {backends}, into {output}")
    else:
        say(
            f"{len(lines)} series, {missing} to convert ({wanted.exporter}, opset {wanted.opset}, batch "
            f"{wanted.batch}); then up to {request.rounds} rounds on {backends} within {request.budget_s:.0f} s, "
            f"into {output}"
        )


def _bundle_plan(wanted: ArtifactRequest, directory: Path) -> list[str]:
    """The series of a bundle, one line each; only its index is read."""
    from harness.artifacts.bundle import read_bundle

    chosen = read_bundle(directory).select(wanted.models, wanted.artifact_precision, wanted.batch, wanted.graph)
    lines = [
        f"{model.facts['model']}  {model.artifact.path if model.artifact else 'not converted'}" for model in chosen
    ]
    return lines + _file_plan(wanted)


def _conversion_plan(wanted: ArtifactRequest, cache_dir: Path) -> tuple[list[str], int]:
    """The series of models, one line each, and how many of them have to be converted."""
    from converters.artifact import ArtifactStore
    from converters.precision import find
    from harness.artifacts.released import with_weights

    store = ArtifactStore(cache_dir)
    resolved = with_weights(wanted, cache_dir, say, offline=True)
    cached = [find(conversion, store) is not None for conversion in resolved.conversions]
    lines = [
        f"{conversion.model}  {'in the cache' if is_cached else 'to convert'}"
        for conversion, is_cached in zip(resolved.conversions, cached, strict=True)
    ]
    lines += [f"{unfetched.request.model}  to fetch and convert" for unfetched in resolved.failed]
    return lines + _file_plan(wanted), len(resolved.failed) + cached.count(False)


def _file_plan(wanted: ArtifactRequest) -> list[str]:
    return [f"onnx/{name}  {path}" for name, path in named(wanted.onnx_files).items()]


RUN = Command(_add_options, _run, description=_DESCRIPTION, epilog=_EPILOG, takes_artifacts=True)
