"""`harness accuracy`: models evaluated on labelled images, all in one pass."""

from __future__ import annotations

import argparse
import dataclasses

from foundation.vocabulary import PROBE, RELEASED
from harness.commands.command import Command
from harness.commands.options.directory import add_directory
from harness.commands.options.hosts import add_hosts
from harness.commands.options.images import IMAGES_HELP, add_image_options, read_accuracy_request
from harness.commands.options.models import MODELS_HELP, FileOptions, ModelOptions
from harness.commands.options.request import RequestOptions
from harness.commands.options.runtime import RuntimeOptions
from harness.commands.options.shard import add_shard
from harness.commands.report import write_all
from harness.runs.request import RunRequest
from harness.text.console import say

_DESCRIPTION = (
    "Converts what is missing, decodes every image once, and runs every model on it as its release "
    "does. If DIR already holds a run, its rows get the accuracy beside their latency. docs/accuracy.md explains it."
)

_EPILOG = f"""\
{MODELS_HELP}
{IMAGES_HELP}
Files that an evaluation writes to the output directory:
  results.csv     one row per series, with accuracy_measured_* or, if there is none, accuracy_measured_reason
  accuracy/       every image's top-5 as Parquet, and the images that could not be read

Run the same command again to resume after an interruption: nothing finished is evaluated twice.

Exit codes: 0 success; 1 some rows have no accuracy, see their reason; 2 a bad request; 130 interrupted.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_image_options(parser, required=True)
    ModelOptions.add(parser)
    FileOptions.add(parser)
    add_shard(parser, "the images, by their names")
    add_hosts(parser, "the images")
    add_directory(parser)
    RuntimeOptions.add(parser.add_argument_group("measuring"), several=True)
    RequestOptions.add(parser, weights="", several=True)


def request_of(arguments: argparse.Namespace) -> RunRequest:
    """The series that the options request."""
    options, models = RequestOptions.read(arguments), ModelOptions.read(arguments)
    if not options.weights.weights:
        # Other weights predict nothing, so there would be nothing to measure.
        which = RELEASED if models.models and not options.files.artifacts else PROBE
        options = dataclasses.replace(options, weights=dataclasses.replace(options.weights, weights=which))
    return options.request(models)


def _accuracy(arguments: argparse.Namespace) -> int:
    """Measures the accuracy of models on labelled images."""
    from harness.runs.prepare import prepared

    request, images = request_of(arguments), read_accuracy_request(arguments)
    assert images is not None
    images = dataclasses.replace(images, shard=arguments.shard)
    request.check()
    if arguments.on:
        from harness.commands.accuracy_on_hosts import accuracy_on_hosts

        return accuracy_on_hosts(arguments, request, images)
    opened = images.open()
    # Only now is it known that the packages that read images are installed.
    from harness.accuracy.session import AccuracyTask, settings_of_latency

    output, cache_dir = arguments.output, RequestOptions.read(arguments).conversion.cache_dir
    try:
        settings = settings_of_latency(output)
        with prepared(request, output, cache_dir, arguments.resume, say, settings, times=False) as ready:
            own = request.wanted.own_preprocessing()
            outcome = AccuracyTask(images, opened, ready, say, own).evaluate(ready.series)
    except KeyboardInterrupt:
        say(f"interrupted; what is finished is in {output}, the same command resumes there")
        raise
    write_all(output)
    say(outcome.text())
    return outcome.exit_code


ACCURACY = Command(_add_options, _accuracy, description=_DESCRIPTION, epilog=_EPILOG, takes_artifacts=True)
