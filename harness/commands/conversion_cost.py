"""`harness conversion-cost`: what native conversion leaves to be gained, and what it gained, model by model."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.vocabulary import FUSED, PRECISIONS
from foundation.wording import counted
from harness import backends
from harness.artifacts.request import ArtifactRequest
from harness.backends.device import environment_of
from harness.commands.command import Command
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.directory import DEFAULT_OUTPUT
from harness.commands.options.measuring import add_blocks, add_no_wait, read_timing
from harness.commands.options.models import MODELS_HELP, FileOptions, ModelOptions
from harness.commands.options.precision import PrecisionOptions
from harness.commands.options.request import artifact_request
from harness.commands.options.runtime import RuntimeOptions
from harness.commands.options.types import count, duration_s
from harness.commands.options.weights import WeightsOptions
from harness.comparison.conversion_cost import REPEATS, Converted, Cost, costs_of
from harness.comparison.gate_setup import PairSettings, gate_session
from harness.comparison.pair import Conditions, Pairing, PairResult
from harness.comparison.pair_progress import PairProgress
from harness.comparison.pair_rounds import pair_rounds
from harness.comparison.shared_pairings import measured_as
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, ComparisonError
from harness.machine.gpu.settings import GpuSettings
from harness.text.console import say

if TYPE_CHECKING:
    from converters.pool import Conversion

_DESCRIPTION = """\
Measures each model three times: as its framework's exporter writes it, with the operators put back that the exporter
wrote out (docs/graphs.md), and in its framework itself. Fresh processes hold two of them at once and time them in
alternating blocks, as `gate` does. In fp16 and int8 the frameworks are left out, which compute in fp32.
"""

_EPILOG = f"""\
{MODELS_HELP}
Files that are written to the output directory, which may be that of a run:
  conversion_cost.csv   one row per model, up to date after each of the two comparisons
  conversion_cost.md    the table, with what changes in the order of the models and on the frontier
  conversion-cost/      the finished pairs: the same command resumes there

Exit codes: 0 success; 1 some models were not measured, see their reason; 2 a bad request; 130 interrupted.
"""

PAIRS = 5
PAIRS_FOLDER = "conversion-cost"


def _add_options(parser: argparse.ArgumentParser) -> None:
    ModelOptions.add(parser)
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="where the files are written (%(default)s)"
    )
    group = parser.add_argument_group("measuring")
    RuntimeOptions.add(group)
    group.add_argument("--pairs", type=count, default=PAIRS, metavar="N", help="pairs of each comparison (%(default)s)")
    group.add_argument(
        "--no-framework",
        action="store_true",
        help="leave the frameworks out: only what fusing gains, where there is something to fuse",
    )
    add_no_wait(group, "pair")
    add_blocks(group, "pair")
    group.add_argument(
        "--pair-timeout", type=duration_s, default=300.0, metavar="TIME", help="time limit of one pair (5m)"
    )
    group.add_argument("--seed", type=int, help="seed of order, places and inputs (drawn at random)")
    PrecisionOptions.add(parser, precisions=PRECISIONS)
    WeightsOptions.add(parser)
    ConversionOptions.add(parser, implementation=False, graph=False)


def _conversion_cost(arguments: argparse.Namespace) -> int:
    """Converts both graphs of every model, measures the pairs and writes the files."""
    settings = _settings(arguments)
    request = _request(arguments, settings.backend)
    request.check()
    conditions = settings.conditions()
    models = list(_converted(request, settings.cache_dir, frameworks=_frameworks(arguments, request.precision)))
    pairings = [pairing for one in models for pairing in (one.fused_pairing(), one.framework_pairing()) if pairing]
    shared = measured_as(pairings)
    measure = functools.partial(_measured, arguments, settings, conditions)
    fused = measure(FUSED, _distinct(shared, (one.fused_pairing() for one in models)))
    written = functools.partial(_write, arguments.output, settings, conditions)
    code = written(costs_of(models, fused, {}, shared))
    in_framework = _distinct(shared, (one.framework_pairing() for one in models))
    if not in_framework:
        return code
    framework = measure("framework", in_framework)
    return written(costs_of(models, fused, framework, shared))


def _settings(arguments: argparse.Namespace) -> PairSettings:
    """How the pairs are measured.

    Raises:
        ComparisonError: the backend runs on a GPU.
        HarnessError: the backend cannot run here.
    """
    runtime, conversion = RuntimeOptions.read(arguments), ConversionOptions.read(arguments)
    backend = runtime.backends[0] if runtime.backends else ArtifactRequest.backend
    if backends.usable(backend).on_gpu or backends.get(backend).reference_backend:
        raise ComparisonError(
            f"--backend {backend}: the frameworks run on the processor, so that is where the graphs are measured too: "
            "give onnxruntime or openvino"
        )
    return PairSettings(
        backend=backend,
        threads=runtime.threads,
        timing=read_timing(arguments),
        gpu=GpuSettings(),
        exclusive=False,
        wait=arguments.wait,
        timeout_s=arguments.pair_timeout,
        build_timeout_s=arguments.pair_timeout,
        cache_dir=conversion.cache_dir,
        builds=1,
        seed=arguments.seed,
    )


def _request(arguments: argparse.Namespace, backend: str) -> ArtifactRequest:
    request = artifact_request(
        ModelOptions.read(arguments),
        FileOptions(),
        PrecisionOptions.read(arguments),
        WeightsOptions.read(arguments),
        ConversionOptions.read(arguments),
    )
    return dataclasses.replace(request, backend=backend)


def _frameworks(arguments: argparse.Namespace, precision: str) -> bool:
    """Whether the frameworks are measured too."""
    if precision == "fp32":
        return not arguments.no_framework
    if not arguments.no_framework:
        say(f"The frameworks compute in fp32 and are left out: {precision} is compared between the two graphs only.")
    return False


def _converted(request: ArtifactRequest, cache_dir: Path, *, frameworks: bool) -> Iterator[Converted]:
    """Both graphs of every model, in the order of the catalogue."""
    from harness.artifacts.conversions import converted
    from harness.artifacts.facts import facts_of_conversion

    native = {one.request.model: one for one in converted(request, cache_dir, say)}
    of_fused = dataclasses.replace(request, graph=FUSED)
    fused = {one.request.model: one for one in converted(of_fused, cache_dir, say)}
    order = {card.name: place for place, card in enumerate(request.cards())}
    for model in sorted(native, key=lambda name: order.get(name, len(order))):
        both = [facts_of_conversion(one, request.backend) for one in (native[model], fused[model])]
        framework = _framework(native[model]) if frameworks else ""
        yield Converted(both[0], both[1], _rules(fused[model]), framework)


def _rules(conversion: Conversion) -> Mapping[str, int]:
    """Number of matches of each rule that matched."""
    # Below fp32, where none did, the artifact is the exporter's graph's.
    facts = conversion.artifact.provenance.get("fusion", {}) if conversion.artifact else {}
    return {name: found for name, found in facts.get("rules", {}).items() if found}


def _framework(conversion: Conversion) -> str:
    """The backend that runs the network itself; empty for a user's, whose code is not run because a file names it."""
    if conversion.artifact is None or conversion.request.is_own:
        return ""
    return str(conversion.artifact.provenance["release"]["framework"])


def _distinct(shared: Mapping[Pairing, Pairing], pairings: Iterator[Pairing | None]) -> list[Pairing]:
    """The pairings to measure, each once."""
    return list(dict.fromkeys(shared[one] for one in pairings if one is not None))


def _measured(
    arguments: argparse.Namespace,
    settings: PairSettings,
    conditions: Conditions,
    stage: str,
    pairings: Sequence[Pairing],
) -> Mapping[Pairing, list[PairResult]]:
    """The pairs of one comparison, those of an earlier session replayed."""
    if not pairings:
        return {}
    facts = {"measurement": f"conversion-cost, {stage}", "pairs": arguments.pairs, "repeats": REPEATS}
    with gate_session(
        arguments.output / PAIRS_FOLDER / stage,
        facts,
        pairings,
        settings,
        conditions,
        interrupted=PairProgress.so_far,
    ) as session:
        return pair_rounds(
            stage, pairings, arguments.pairs, session.measure(), REPEATS, session.journal.seed, session.progress
        )


def _write(output: Path, settings: PairSettings, conditions: Conditions, costs: Sequence[Cost]) -> int:
    """Writes the files, and returns the exit code."""
    from reports.conversion_cost import write_costs

    environment = environment_of(backends.get(settings.backend), settings.gpu, conditions.threads)
    for path in write_costs(output, costs, environment):
        print(path)
    failed = sum(bool(one.failures) for one in costs)
    if failed:
        say(f"{counted(failed, 'model')} not measured: see their reason")
    return EXIT_FAILED_ROWS if failed else EXIT_SUCCESS


CONVERSION_COST = Command(_add_options, _conversion_cost, description=_DESCRIPTION, epilog=_EPILOG)
