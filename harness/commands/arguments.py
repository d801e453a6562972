"""The command line: its commands, options and help texts."""

from __future__ import annotations

import argparse
from pathlib import Path

from foundation.vocabulary import (
    AUTO,
    DEFAULT_EXPORTER,
    DEFAULT_OPSET,
    EXPORTERS,
    IMPLEMENTATIONS,
    INT8_SCHEMES,
    PRECISIONS,
    PROBE,
    RELEASED,
)
from harness import backends
from harness.artifacts.request import ArtifactRequest
from harness.commands.accuracy_compare import add_accuracy_compare
from harness.commands.compare import add_compare
from harness.commands.gate import add_gate
from harness.commands.history import add_history
from harness.commands.options.gpu import add_gpu_options
from harness.commands.options.images import IMAGES_HELP, add_image_options
from harness.commands.options.types import count, duration_s, milliseconds, percent
from harness.commands.selfcheck import add_selfcheck
from harness.commands.verify_images import VERIFIED_IMAGES
from harness.processes.profile import ProfileSettings
from harness.runs.protocols import PROTOCOLS
from harness.runs.request import DEFAULT_BUDGET_S, DEFAULT_ROUNDS, RunRequest
from harness.timing.settings import TimingSettings
from reports.layers import DEFAULT_TOP

DEFAULT_OUTPUT = Path("results")
DEFAULT_PROFILE_OUTPUT = Path("profile")

_DESCRIPTION = """\
Honest latency and accuracy baselines of efficient CNNs, measured on this machine.

Start here:
  python -m harness list                       which models there are
  python -m harness run --models smoke         one small model of each source, a few minutes
  python -m harness run --models all           the whole zoo
  python -m harness accuracy --images DIR --models all      its accuracy on labelled images
  python -m harness report results             the table and the picture again
  python -m harness profile gpunet/GPUNet-0    which layers of a model take the time
"""

_MODELS_HELP = """\
MODELS are names, globs, sources or suites, separated by commas, whatever the case:
  regnet/RegNetY-200MF     one model
  'ofa/*note10*'           a glob on the whole name, or on its second half: '*b0'
  resnest                  a source
  all, mobile, smoke       a suite: every model; at most 600 M multiply-adds;
                           the smallest of each source
"""

_RUN_EPILOG = (
    _MODELS_HELP
    + "\n"
    + IMAGES_HELP
    + """
What a run leaves in the output directory:
  results.csv     a row a series, up to date after every trial (docs/columns.md)
  results.md      the table with its frontier; frontier.svg and .png, the picture
  report.html     both in one page that sorts, filters and opens offline
  trials.jsonl    every trial; samples/, the raw times
  accuracy/       with --images: every image's top-5

Run the same command again to go on after an interruption: nothing finished is measured twice.

Exit codes: 0 success; 1 some rows are not ok, see their reason; 2 a bad request; 130 interrupted.
"""
)


_ACCURACY_EPILOG = (
    _MODELS_HELP
    + "\n"
    + IMAGES_HELP
    + """
What an evaluation leaves in the output directory:
  results.csv     a row a series, with accuracy_measured_* and, where there is none, accuracy_measured_reason
  accuracy/       every image's top-5 as Parquet, and the images that could not be read

Run the same command again to go on after an interruption: nothing finished is evaluated twice.

Exit codes: 0 success; 1 some rows have no accuracy, see their reason; 2 a bad request; 130 interrupted.
"""
)


def _add_conversion_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("conversion")
    group.add_argument(
        "--exporter", choices=EXPORTERS, default=DEFAULT_EXPORTER, help="PyTorch's exporter (%(default)s)"
    )
    group.add_argument(
        "--opset",
        type=int,
        metavar="N",
        help=f"ONNX opset, 17 or later ({DEFAULT_OPSET}; 17 where the TensorRT here reads no newer one)",
    )
    group.add_argument("--batch", type=int, metavar="N", help=f"images per inference ({ArtifactRequest.batch})")
    group.add_argument(
        "--resolution",
        type=count,
        metavar="R",
        help="input size in pixels of one's own models (224); the zoo's is fixed",
    )
    group.add_argument(
        "--workers", type=count, default=0, metavar="N", help="conversions at a time (as many as physical cores)"
    )
    group.add_argument(
        "--conversion-timeout", type=duration_s, default=900.0, metavar="TIME", help="for one conversion (15m)"
    )
    group.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where artifacts are kept (the user's cache directory)"
    )
    return group


def _add_implementation_option(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--implementation",
        choices=IMPLEMENTATIONS,
        default=IMPLEMENTATIONS[0],
        help="own: the release's package, or this project's definition of the network; release: the original code "
        "itself, as `python -m zoo fetch --sources` checked it out (%(default)s)",
    )


def _add_weights_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("weights", "docs/weights.md")
    group.add_argument(
        "--weights",
        default=PROBE,
        metavar="WHICH",
        help=f"{PROBE} (by default): seeded ones, the same operations on numbers that know nothing; {RELEASED}: the "
        f"release's, fetched where the cache does not hold them; {AUTO}: the release's where they can be had; or a "
        "checkpoint's path, for the one model selected",
    )
    group.add_argument(
        "--mirror", default="", metavar="DIR-or-URL", help="fetch from there instead of the releases' own servers"
    )
    group.add_argument(
        "--weights-lock",
        type=Path,
        metavar="FILE",
        help="lock file with the digests of released weights, as fetch --lock has it (the cache's own)",
    )


def _add_precision_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group(
        "precision", "below fp32, an artifact is made from the fp32 one: docs/precision.md"
    )
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help=f"what models are converted to, and what an --onnx file computes in ({ArtifactRequest.precision})",
    )
    group.add_argument(
        "--int8-scheme",
        choices=INT8_SCHEMES,
        help="whose rules of quantising: by default those of the backend; a conversion alone, TensorRT's",
    )
    group.add_argument(
        "--calibration-images",
        type=Path,
        metavar="DIR",
        help="folder of images that int8 takes its ranges from, and on which alphanet's released weights are "
        "recalibrated; by default generated ones, with a warning",
    )
    return group


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what")
    group.add_argument("--models", action="append", default=[], metavar="MODELS", help="models of the zoo, see below")
    group.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION",
        help="one's own network: a function that returns a torch.nn.Module; may be repeated",
    )


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--onnx",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an ONNX file of one's own, measured as it is; may be repeated",
    )
    parser.add_argument(
        "--artifacts",
        type=Path,
        metavar="DIR",
        help="measure what convert --export wrote, which needs no framework; --models then selects within it, "
        "as do --precision and --batch",
    )


def _add_runtime_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--backend", choices=backends.names(), help=f"runtime ({ArtifactRequest.backend})")
    group.add_argument("--threads", type=count, metavar="N", help="threads of an inference (physical cores)")


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "run",
        help="convert and measure models, write the CSV, the table and the picture",
        description="Converts what is missing, then measures every series in rounds of fresh processes.",
        epilog=_RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model_options(parser)
    _add_file_options(parser)
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="the run directory (%(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="insist that DIR holds a run to go on with")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    timing = TimingSettings()
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        help="measure as published: " + "; ".join(f"{name} ({p.stated_in})" for name, p in PROTOCOLS.items()),
    )
    _add_runtime_options(group)
    group.add_argument(
        "--rounds",
        type=int,
        default=DEFAULT_ROUNDS,
        metavar="N",
        help="trials of each series at most (%(default)s); usable after the first, better after each",
    )
    group.add_argument(
        "--budget",
        type=duration_s,
        default=DEFAULT_BUDGET_S,
        metavar="TIME",
        help="start no more rounds after TIME (10m); the first is always finished",
    )
    group.add_argument(
        "--half-width",
        type=percent,
        default=RunRequest.half_width_percent,
        metavar="PERCENT",
        help="a series is done once its ratio's interval is +- this narrow (%(default)s)",
    )
    group.add_argument(
        "--block-ms", type=milliseconds, default=timing.block_ms, help="length of a timed block (%(default)s)"
    )
    group.add_argument(
        "--block-groups", type=count, default=timing.groups, help="ABBA groups of blocks in a trial (%(default)s)"
    )
    group.add_argument("--trial-timeout", type=duration_s, default=300.0, metavar="TIME", help="for one trial (5m)")
    _add_precision_options(parser)
    add_gpu_options(parser)
    _add_weights_options(parser)
    _add_implementation_option(_add_conversion_options(parser))
    add_image_options(parser, required=False)


def _add_accuracy(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "accuracy",
        help="top-1 and top-5 of models on labelled images, all in one pass",
        description="Converts what is missing, decodes every image once, and runs every model on it as its release "
        "does. The rows' accuracy stands beside their latency where DIR holds a run. docs/accuracy.md explains it.",
        epilog=_ACCURACY_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_image_options(parser, required=True)
    _add_model_options(parser)
    _add_file_options(parser)
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="the run directory (%(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="insist that DIR holds a run to go on with")
    _add_runtime_options(parser.add_argument_group("measuring"))
    _add_precision_options(parser)
    add_gpu_options(parser)
    _add_weights_options(parser)
    _add_implementation_option(_add_conversion_options(parser))
    # Others know nothing, so there would be nothing to measure.
    parser.set_defaults(weights=None)


def _add_verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "verify",
        help="hold networks and artifacts against the original releases",
        description="Builds each model with probe weights, and compares parameters, multiply-adds, signature and "
        "logits with what the original code computes, and the converted artifact's logits too. With --images, holds "
        "each artifact against the network that it was made from, on images as the release takes them.",
        epilog=_MODELS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", action="append", default=[], metavar="MODELS", help="which ones, see below")
    group = parser.add_argument_group("images", "docs/accuracy.md")
    group.add_argument("--images", type=Path, metavar="DIR", help="compare logits and top-1 on these")
    group.add_argument(
        "--ground-truth", type=Path, metavar="FILE", help="the labels of images that do not lie in class folders"
    )
    group.add_argument(
        "--limit", type=int, metavar="N", help=f"how many images, evenly over the classes ({VERIFIED_IMAGES})"
    )
    _add_weights_options(parser)
    _add_conversion_options(parser)


def _add_profile(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    settings = ProfileSettings()
    parser = commands.add_parser(
        "profile",
        help="which layers of one model take the time, as a CSV and a picture",
        description="Converts the model if it has to, then has the runtime's own profiler time every layer. "
        "docs/profile.md explains the files.",
    )
    parser.add_argument("profiled", nargs="?", metavar="MODEL", help="one model of the zoo, as `list` names it")
    parser.add_argument(
        "--model", action="append", default=[], metavar="MODULE:FUNCTION", help="or one's own network, as for `run`"
    )
    parser.add_argument("--onnx", action="append", default=[], type=Path, metavar="FILE", help="or an ONNX file")
    parser.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="take MODEL from what convert --export wrote, and convert nothing"
    )
    parser.add_argument(
        "--from", dest="csv", type=Path, metavar="CSV", help="or draw an earlier profile again, and measure nothing"
    )
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_PROFILE_OUTPUT, metavar="DIR", help="where the files go (%(default)s)"
    )
    parser.add_argument(
        "--top",
        type=int,
        default=DEFAULT_TOP,
        metavar="K",
        help="longest layers with a bar in the picture (%(default)s)",
    )
    group = parser.add_argument_group("measuring")
    _add_runtime_options(group)
    group.add_argument(
        "--inferences",
        type=int,
        default=settings.inferences,
        metavar="N",
        help="inferences with the profiler, and as many without (%(default)s)",
    )
    group.add_argument(
        "--timeout",
        type=duration_s,
        default=settings.timeout_s,
        metavar="TIME",
        help="for the profiling process (10m)",
    )
    _add_precision_options(parser)
    add_gpu_options(parser)
    _add_weights_options(parser)
    _add_implementation_option(_add_conversion_options(parser))


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m harness`."""
    parser = argparse.ArgumentParser(
        prog="python -m harness", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser(
        "list",
        help="the models, with their published figures",
        epilog=_MODELS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listing.add_argument("models", nargs="*", default=["all"], metavar="MODELS", help="which ones (all)")
    show = commands.add_parser("show", help="everything known of one model")
    show.add_argument("model", metavar="MODEL")
    show.add_argument("--json", action="store_true", help="the card as JSON")
    convert = commands.add_parser(
        "convert",
        help="convert models to verified ONNX artifacts",
        description="Converts models, proves each graph against its network, and prints where the artifacts are.",
        epilog=_MODELS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model_options(convert)
    _add_precision_options(convert).add_argument(
        "--float16-io",
        action="store_true",
        help="fp16: input and output in float16 too, for other programs; `run` takes float32 inputs",
    )
    convert.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="put the artifacts into DIR too, for `run --artifacts DIR` on a machine without the frameworks",
    )
    _add_weights_options(convert)
    _add_implementation_option(_add_conversion_options(convert))
    _add_run(commands)
    _add_accuracy(commands)
    _add_profile(commands)
    _add_verify(commands)
    add_compare(commands)
    add_accuracy_compare(commands)
    add_gate(commands)
    add_selfcheck(commands)
    add_history(commands)
    report = commands.add_parser("report", help="write the table and the picture of a run again")
    report.add_argument("output", nargs="?", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="the run directory")
    environment = commands.add_parser("env", help="what is here, and which backends can run")
    environment.add_argument("--json", action="store_true", help="as JSON")
    return parser
