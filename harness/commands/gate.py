"""`harness gate`: two versions of artifacts or of the runtime, pair by pair."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from harness import backends
from harness.commands.command import Command
from harness.commands.options.outputs import add_outputs, read_outputs
from harness.commands.options.pairs import add_pair_counts, add_pair_options, read_file_settings, read_pair_settings
from harness.commands.options.rules import add_rules, read_rules
from harness.comparison.duet import Interpreters, check_python
from harness.comparison.gate import GateResult, GateRules, gate
from harness.comparison.gate_setup import check_rules, gate_session
from harness.comparison.lines import line_of_gated
from harness.comparison.pair import Pairing
from harness.comparison.pair_progress import PairProgress
from harness.comparison.report import Report, rule_text
from harness.comparison.shared_pairings import measured_as, with_shared
from harness.comparison.sides import check_file_settings, pairings, read_side, unpaired
from harness.comparison.verdict import exit_code
from harness.text.console import say

_DESCRIPTION = """\
Compares two versions for decisions that matter: fresh processes hold both sides at once and measure them in
alternating short blocks, pair after pair in random order, so that disturbances of the machine affect both sides alike.

BASE and NEW are run directories, folders of `convert --export`, or two .onnx files; whatever they differ in is
compared: exporter, precision, weights, version of a framework. To compare two versions of the runtime, give the same
folder twice, and the Python interpreter of the environment that has the old version:

  python -m harness gate artifacts artifacts --baseline-python old-venv/bin/python

To compare two runtimes on the same artifacts, each in a process of its own:

  python -m harness gate artifacts artifacts --new-backend openvino

Every series is screened with a few pairs; fresh pairs confirm or clear the suspects. Models that have the same
artifacts on both sides are measured and counted once. A finished pair is on disk at once: interrupt a gate whenever you
like, and the same command resumes it, with the same test.
"""

DEFAULT_OUTPUT = Path("gate")

_EPILOG = """\
Exit codes: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing regressed, but a series is
inconclusive or was not measured; 130 interrupted.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", type=Path, metavar="BASE", help="the artifacts to compare with")
    parser.add_argument("new", type=Path, metavar="NEW", help="the artifacts to judge")
    parser.add_argument(
        "--models", action="append", default=[], metavar="MODELS", help="names, globs, sources or suites (all)"
    )
    parser.add_argument(
        "--new-backend",
        choices=backends.names(),
        metavar="BACKEND",
        help="the runtime of NEW, on the processor (that of --backend)",
    )
    parser.add_argument("--baseline-python", type=Path, metavar="PYTHON", help="the baseline's interpreter (this one)")
    add_pair_counts(add_rules(parser), GateRules())
    add_pair_options(parser)
    add_outputs(parser).add_argument(
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar="DIR",
        help="where finished pairs are kept, and the same command resumes (%(default)s)",
    )


def _gate(arguments: argparse.Namespace) -> int:
    """Measures the pairs, prints the verdicts and writes the requested files."""
    rules = GateRules(
        **dataclasses.asdict(read_rules(arguments)),
        screen_pairs=arguments.pairs,
        confirm_pairs=arguments.confirm_pairs,
    )
    files = read_file_settings(arguments)
    check_file_settings((arguments.base, arguments.new), files)
    new_backend = arguments.new_backend or arguments.backend
    of_new = dataclasses.replace(files, backend=backends.usable(new_backend))
    sides = read_side(arguments.base, files), read_side(arguments.new, of_new)
    for path, (one, *_) in zip((arguments.base, arguments.new), sides, strict=True):
        if one.notes:
            say(f"{path}: {one.notes}")
    paired = [_on(one, new_backend, arguments.backend) for one in pairings(*sides, arguments.models)]
    shared = measured_as(paired)
    distinct = list(dict.fromkeys(shared.values()))
    check_rules(rules, len(distinct))
    measured, seed = _measured(arguments, rules, distinct)
    found = with_shared(measured, shared)
    found += [GateResult(one.pairing, "not measured", one.reason) for one in unpaired(*sides, arguments.models, paired)]
    title = _title(arguments.new, new_backend, arguments.base, arguments.backend)
    report = Report(title, rule_text(rules.margin_percent, rules.error_rate), [line_of_gated(one) for one in found])
    read_outputs(arguments).publish(report, _json(found, rules, seed))
    return exit_code([one.verdict for one in found])


def _on(pairing: Pairing, new_backend: str, backend: str) -> Pairing:
    """The pairing with the candidate on its own runtime, if that is another."""
    if new_backend == backend:
        return pairing
    return dataclasses.replace(pairing, new=dataclasses.replace(pairing.new, backend=new_backend))


def _title(new: Path, new_backend: str, base: Path, backend: str) -> str:
    if new_backend == backend:
        return f"Latency: {new} against {base}"
    return f"Latency: {new} on {new_backend} against {base} on {backend}"


def _measured(arguments: argparse.Namespace, rules: GateRules, paired: list[Pairing]) -> tuple[list[GateResult], int]:
    """The result of each pairing, and the seed of the gate."""
    settings, python = read_pair_settings(arguments), arguments.baseline_python
    conditions = settings.conditions()
    facts = {
        "measurement": "gate",
        "rules": dataclasses.asdict(rules),
        "baseline_runtime": check_python(python, conditions.backend) if python else "",
    }
    with gate_session(
        arguments.output,
        facts,
        paired,
        settings,
        conditions,
        interrupted=PairProgress.so_far,
        interpreters=Interpreters(python) if python else None,
    ) as session:
        seed = session.journal.seed
        return gate(paired, session.measure(), rules, seed=seed, listener=session.progress), seed


def _json(found: list[GateResult], rules: GateRules, seed: int) -> str:
    """Everything, including every pair."""
    data: dict[str, Any] = {
        "rules": dataclasses.asdict(rules),
        "seed": seed,
        "series": [dataclasses.asdict(one) for one in found],
    }
    return json.dumps(data, indent=1) + "\n"


GATE = Command(_add_options, _gate, description=_DESCRIPTION, epilog=_EPILOG)
