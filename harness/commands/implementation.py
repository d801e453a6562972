"""What each command of the command line does."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.cache import default_cache_dir
from foundation.vocabulary import DEFAULT_OPSET, INT8_SCHEMES, PROBE, RELEASED
from foundation.wording import counted
from harness.artifacts.request import ArtifactRequest
from harness.commands.accuracy_compare import accuracy_compare
from harness.commands.compare import compare
from harness.commands.gate import run_gate
from harness.commands.history import history
from harness.commands.options.gpu import gpu_settings
from harness.commands.options.images import accuracy_request
from harness.commands.selfcheck import selfcheck
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.runs.protocols import with_protocol
from harness.runs.request import RunRequest
from harness.text.console import say
from harness.timing.settings import TimingSettings

if TYPE_CHECKING:
    from converters.pool import Conversion
    from zoo.card import ModelCard


def _cards(patterns: list[str]) -> list[ModelCard]:
    import zoo
    from zoo.errors import ZooError

    try:
        return zoo.cards(patterns)
    except ZooError as error:
        raise HarnessError(str(error)) from error


def list_models(arguments: argparse.Namespace) -> int:
    """Prints a line a model."""
    cards = _cards(arguments.models)
    width = max(len(card.name) for card in cards)
    print(f"{'model':{width}}  pixels  params/M    MACs/G  top-1/% (published)")
    for card in cards:
        top1 = card.published.top1_percent
        figures = f"{card.resolution:6}  {card.parameters / 1e6:8.2f}  {card.macs / 1e9:8.3f}"
        print(f"{card.name:{width}}  {figures}  {'-' if top1 is None else f'{top1:.1f}'}")
    say(f"{counted(len(cards), 'model')} of {counted(len({card.source for card in cards}), 'source')}")
    return EXIT_SUCCESS


def show(arguments: argparse.Namespace) -> int:
    """Prints a card."""
    cards = _cards([arguments.model])
    if len(cards) > 1:
        raise HarnessError(f"{arguments.model!r} selects {len(cards)} models; `list` shows their names")
    card = cards[0]
    if arguments.json:
        print(json.dumps(card.to_json(), indent=2))
        return EXIT_SUCCESS
    print(f"{card.name}\n{'=' * len(card.name)}")
    facts = dataclasses.asdict(card)
    sections = {
        "network": {
            "implementation": card.release.package or "this project's own definition",
            "resolution (pixels)": card.resolution,
            "classes": card.classes,
            "parameters": f"{card.parameters:,}",
            "multiply-adds of one image": f"{card.macs:,}",
            "digest of the state dict's names and shapes": card.signature_sha256,
        },
        "published": facts["published"],
        "preprocessing": facts["preprocessing"],
        "checkpoint": facts["checkpoint"],
        "release": facts["release"],
        "architecture": card.architecture,
    }
    for title, section in sections.items():
        print(f"\n{title}")
        for name, value in section.items():
            if value is not False and value not in (None, "", ()):
                print(f"  {name.replace('_', ' ')}: {_text(value)}")
    return EXIT_SUCCESS


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        separator = "\n      " if value and isinstance(value[0], str) else ", "
        return (separator if separator[0] == "\n" else "") + separator.join(str(item) for item in value)
    return str(value)


def wanted_from(arguments: argparse.Namespace) -> ArtifactRequest:
    """The artifacts that the command line asks for."""
    converting: dict[str, Any] = {}
    if arguments.command != "verify":
        converting = {
            # A conversion alone knows no backend.
            "int8_scheme": arguments.int8_scheme or (INT8_SCHEMES[0] if arguments.command == "convert" else ""),
            "float16_io": getattr(arguments, "float16_io", False),
            "calibration_images": arguments.calibration_images,
        }
    if arguments.command in ("run", "accuracy", "profile"):
        converting |= {"onnx_files": tuple(arguments.onnx), "artifacts": arguments.artifacts}
    return ArtifactRequest(
        models=tuple(arguments.models),
        own_models=tuple(getattr(arguments, "model", ())),
        weights=_weights(arguments),
        mirror=getattr(arguments, "mirror", ""),
        weights_lock=getattr(arguments, "weights_lock", None),
        implementation=getattr(arguments, "implementation", ArtifactRequest.implementation),
        exporter=arguments.exporter,
        opset=arguments.opset or DEFAULT_OPSET,
        resolution=arguments.resolution,
        conversion_timeout_s=arguments.conversion_timeout,
        workers=arguments.workers,
        **converting,
    )


def request_from(arguments: argparse.Namespace) -> RunRequest:
    """The run that the command line asks for; `convert` has the conversion's half of it."""
    measuring: dict[str, Any] = {}
    if arguments.command in ("run", "accuracy", "profile"):
        measuring = {
            "threads": arguments.threads,
            "build_timeout_s": arguments.build_timeout,
            "exclusive": arguments.exclusive,
            "gpu": gpu_settings(arguments),
        }
    if arguments.command == "run":
        measuring |= {
            "rounds": arguments.rounds,
            "budget_s": arguments.budget,
            "half_width_percent": arguments.half_width,
            "trial_timeout_s": arguments.trial_timeout,
            "timing": TimingSettings(block_ms=arguments.block_ms, groups=arguments.block_groups),
        }
    request = RunRequest(wanted_from(arguments), **measuring)
    asked = {name: getattr(arguments, name, None) for name in ("backend", "precision", "batch", "cuda_graph")}
    request = with_protocol(request, getattr(arguments, "protocol", None), asked)
    if arguments.opset or request.wanted.artifacts:
        return request
    return dataclasses.replace(request, wanted=request.wanted.with_readable_opset())


def _weights(arguments: argparse.Namespace) -> str:
    """Which weights: where the options do not say, the released ones of models that accuracy is asked of."""
    asked: str | None = getattr(arguments, "weights", PROBE)
    return asked or (RELEASED if arguments.models and not arguments.artifacts else PROBE)


def _cache_dir(arguments: argparse.Namespace) -> Path:
    return arguments.cache_dir or default_cache_dir()


def convert(arguments: argparse.Namespace) -> int:
    """Converts models and prints the artifacts' paths."""
    from harness.artifacts.bundle_writer import BundleWriter
    from harness.artifacts.conversions import convert_all
    from harness.commands.bundles import export, how_to_measure

    request = request_from(arguments).wanted
    request.check()
    # A folder that cannot be written to is refused before the conversions, which may take an hour.
    with BundleWriter(arguments.export) if arguments.export else contextlib.nullcontext() as writer:
        series = convert_all(request, _cache_dir(arguments), say)
        paths = export(series, writer, say) if writer else {}
    for facts in series:
        print(f"{facts.model}\t{paths.get(facts.key) or facts.artifact_path or facts.status}")
    if arguments.export:
        say(how_to_measure(arguments.export, request))
    return EXIT_SUCCESS if all(facts.status == "ok" for facts in series) else EXIT_FAILED_ROWS


def verify(arguments: argparse.Namespace) -> int:
    """Holds models and their artifacts against the original releases, or on images; prints a line each."""
    from harness.artifacts.agreement import agree_on_images
    from harness.artifacts.verification import largest_errors, line, verify_model
    from harness.commands.verify_images import images_from

    request = request_from(arguments).wanted
    request.check()
    images = images_from(arguments)
    if images is None and request.weights != PROBE:
        raise HarnessError(
            f"--weights {request.weights}: what the releases compute is recorded for the probe's weights; add --images "
            "DIR to hold artifacts with other weights against their networks"
        )
    conversions = _converted(request, _cache_dir(arguments))
    if images is not None:
        agreements = []
        for card in request.cards():
            agreements.append(agree_on_images(conversions[card.name], images, _cache_dir(arguments)))
            print(agreements[-1].line(), flush=True)
        return EXIT_SUCCESS if all(one.status == "ok" for one in agreements) else EXIT_FAILED_ROWS
    found = []
    for card in request.cards():
        found.append(verify_model(conversions[card.name]))
        print(line(found[-1]), flush=True)
    print()
    for summary in largest_errors(found):
        print(summary)
    return EXIT_SUCCESS if all(one.status == "ok" for one in found) else EXIT_FAILED_ROWS


def _converted(request: ArtifactRequest, cache_dir: Path) -> dict[str, Conversion]:
    """The conversion of each model of a request, by its name."""
    from converters.pool import PoolSettings, convert_many
    from harness.artifacts.released import with_weights
    from harness.text.progress import Progress

    limits = PoolSettings(workers=request.workers, timeout_s=request.conversion_timeout_s)
    resolved = with_weights(request, cache_dir, say)
    conversions = {conversion.request.model: conversion for conversion in resolved.failed}
    with Progress("convert", len(resolved.conversions)) as progress:
        for conversion in convert_many(resolved.conversions, cache_dir, limits):
            conversions[conversion.request.model] = conversion
            progress.step(f"{conversion.request.model}: {conversion.status} {conversion.reason}".rstrip())
    return conversions


def print_plan(request: RunRequest, cache_dir: Path, output: Path) -> None:
    """Prints what a run would do, and touches nothing."""
    wanted = request.wanted
    if wanted.artifacts:
        from harness.commands.bundles import plan_lines

        lines = plan_lines(wanted)
        print("\n".join(lines))
        say(f"{len(lines)} series, up to {request.rounds} rounds on {wanted.backend}, into {output}")
        return
    from converters.artifact import ArtifactStore
    from converters.precision import find
    from harness.artifacts.released import with_weights

    store = ArtifactStore(cache_dir)
    resolved = with_weights(wanted, cache_dir, say, offline=True)
    missing = len(resolved.failed)
    for conversion in resolved.conversions:
        cached = find(conversion, store) is not None
        missing += not cached
        print(f"{conversion.model}  {'in the cache' if cached else 'to convert'}")
    for unfetched in resolved.failed:
        print(f"{unfetched.request.model}  to fetch and convert")
    for path in wanted.onnx_files:
        print(f"{path}  as it is")
    count = len(wanted.conversions()) + len(wanted.onnx_files)
    say(
        f"{count} series, {missing} to convert ({wanted.exporter}, opset {wanted.opset}, batch {wanted.batch}); "
        f"then up to {request.rounds} rounds on {wanted.backend} within {request.budget_s:.0f} s, into {output}"
    )


def run(arguments: argparse.Namespace) -> int:
    """The main job."""
    from harness.runs.prepare import prepared
    from harness.runs.run import measure

    request, images = request_from(arguments), accuracy_request(arguments)
    request.check()
    if arguments.dry_run:
        print_plan(request, _cache_dir(arguments), arguments.output)
        return EXIT_SUCCESS
    opened = images.open() if images is not None else None
    evaluated = None
    try:
        with prepared(request, arguments.output, _cache_dir(arguments), arguments.resume, say) as ready:
            outcome = measure(ready, request)
            if images is not None and opened is not None:
                # Not at the top: a machine that only measures has neither the zoo nor what reads images.
                from harness.accuracy.session import AccuracyTask

                evaluated = AccuracyTask(images, opened, ready, say).evaluate(ready.series)
    except KeyboardInterrupt:
        _write_reports(arguments.output)
        say(f"interrupted; what is finished is in {arguments.output}, the same command goes on from there")
        raise
    _write_reports(arguments.output)
    if outcome.stopped_by_budget:
        say("the budget is spent; the same command goes on with further trials (--budget, --rounds)")
    say(
        f"{counted(outcome.rows_ok, 'row')} ok"
        + (f", {outcome.rows_not_ok} not: see their reason" if outcome.rows_not_ok else "")
    )
    if evaluated is None:
        return outcome.exit_code
    say(evaluated.text())
    return outcome.exit_code or evaluated.exit_code


def accuracy(arguments: argparse.Namespace) -> int:
    """Measures the accuracy of models on labelled images."""
    from harness.runs.prepare import prepared

    request, images = request_from(arguments), accuracy_request(arguments)
    assert images is not None
    request.check()
    opened = images.open()
    # Not before it is known that what reads images is there.
    from harness.accuracy.session import AccuracyTask, settings_of_latency

    output = arguments.output
    try:
        settings = settings_of_latency(output)
        with prepared(request, output, _cache_dir(arguments), arguments.resume, say, settings) as ready:
            outcome = AccuracyTask(images, opened, ready, say).evaluate(ready.series)
    except KeyboardInterrupt:
        say(f"interrupted; what is finished is in {arguments.output}, the same command goes on from there")
        raise
    _write_reports(arguments.output)
    say(outcome.text())
    return outcome.exit_code


def _write_reports(output: Path) -> None:
    from reports.write import write_reports

    if not (output / "results.csv").is_file():
        return
    written = write_reports(output)
    for note in written.notes:
        say(note)
    for path in (output / "results.csv", *written.paths):
        print(path)


def report(arguments: argparse.Namespace) -> int:
    """Writes the reports of an earlier run again."""
    if not (arguments.output / "results.csv").is_file():
        raise HarnessError(f"{arguments.output} holds no results.csv; give the directory of a run")
    _write_reports(arguments.output)
    return EXIT_SUCCESS


def profile(arguments: argparse.Namespace) -> int:
    """Profiles one model, or draws an earlier profile again."""
    from harness.processes.profile import ProfileSettings
    from harness.records.profile_table import load_layers
    from harness.runs.profile import execute
    from reports.layer_text import render
    from reports.layers import draw_layers
    from reports.pictures import matplotlib_is_here

    if arguments.top < 1:
        raise HarnessError(f"--top {arguments.top}: give a number of at least 1")
    path = arguments.csv
    arguments.models = [arguments.profiled] if arguments.profiled else []
    if path is not None and (arguments.models or arguments.model or arguments.onnx or arguments.artifacts):
        raise HarnessError("--from draws an earlier profile again: give it alone, or a model alone to profile")
    if path is None:
        settings = ProfileSettings(arguments.inferences, arguments.timeout)
        path = execute(request_from(arguments), settings, arguments.output, _cache_dir(arguments), say)
    rows = load_layers(path)
    files = [path]
    if matplotlib_is_here():
        files += [path.with_suffix(suffix) for suffix in (".svg", ".png")]
        draw_layers(rows, files[1:], arguments.top)
    else:
        say("No picture: matplotlib is not installed. pip install 'baseline-zoo[report]'")
    print(render(rows))
    print(*files, sep="\n")
    return EXIT_SUCCESS


def environment(arguments: argparse.Namespace) -> int:
    """Prints what is here."""
    from harness.commands.env import EnvironmentReport

    report = EnvironmentReport.collect()
    print(json.dumps(report.to_json(), indent=2) if arguments.json else report.text())
    return EXIT_SUCCESS


COMMANDS = {
    "accuracy": accuracy,
    "accuracy-compare": accuracy_compare,
    "convert": convert,
    "env": environment,
    "list": list_models,
    "profile": profile,
    "report": report,
    "run": run,
    "show": show,
    "verify": verify,
    "compare": compare,
    "gate": run_gate,
    "selfcheck": selfcheck,
    "history": history,
}
