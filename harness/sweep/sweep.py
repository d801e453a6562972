"""A sweep: environments, checks, gates between versions."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.packages import package_version
from harness.comparison.duet import Interpreters
from harness.comparison.gate import GateResult, GateRules, gate
from harness.comparison.gate_setup import PairSettings, check_rules, gate_session
from harness.comparison.pair import Conditions, Pairing
from harness.comparison.pair_progress import PairProgress
from harness.comparison.shared_pairings import measured_as
from harness.comparison.sides import SideSeries, side_of
from harness.errors import InstallationError
from harness.files.journal import Journal
from harness.files.locking import RunLock
from harness.files.storage import explained
from harness.machine.environment import Environment, collect, crowded_threads
from harness.sweep.environments import EnvironmentStore
from harness.sweep.outcome import Sweep, SweptSeries, swept
from harness.sweep.plan import Step, SweptVersion, compared, error_rates, steps
from harness.sweep.readable import CHECKS_NAME, check_runtime, unreadable
from harness.sweep.versions import AskedVersion
from harness.text.console import say

PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "openvino"}
"""The packages whose versions can be swept, and the backend of each."""

# Of the packages in an environment, those that a latency may depend on, besides the runtime itself.
_COMPUTING = ("numpy",)


@dataclasses.dataclass(frozen=True)
class SweepRequest:
    """Which versions of which package, and how they are compared."""

    package: str
    versions: Sequence[AskedVersion]
    """In ascending order."""
    rules: GateRules
    """Their error rate is that of the whole sweep."""
    settings: PairSettings
    install_timeout_s: float
    """Time limit of making one environment."""

    def check(self, series: int) -> None:
        """Refuses a sweep that could call nothing.

        Args:
            series: number of series.

        Raises:
            ComparisonError: see `check_rules`.
        """
        check_rules(self.rules, max(1, series) * len(compared([one.text for one in self.versions])))

    def conditions(self, environment: Environment) -> Conditions:
        """The conditions that all pairs share."""
        settings = self.settings
        return Conditions(
            settings.backend,
            environment.threads,
            settings.timing,
            settings.gpu,
            settings.timeout_s,
            str(settings.cache_dir),
        )


@contextlib.contextmanager
def sweep_directory(output: Path) -> Iterator[Journal]:
    """Opens the directory of a sweep for this process alone; yields the journal of its checks.

    Raises:
        RunLockedError: another process is measuring into it.
        StorageError: it cannot be used.
    """
    with explained(output):
        output.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as resources:
        resources.callback(RunLock(output).release)
        journal = Journal(output / CHECKS_NAME)
        resources.callback(journal.close)
        yield journal


def sweep(request: SweepRequest, series: Sequence[SideSeries], output: Path, journal: Journal) -> Sweep:
    """Installs the versions, opens every series in each, and compares the versions gate by gate.

    Args:
        request: the versions, and how they are compared.
        series: the series, including those whose conversion failed.
        output: the directory, which `sweep_directory` opened.
        journal: of its checks.

    Raises:
        HarnessError: the sweep could call nothing, or a gate cannot be measured; versions and series that cannot be
            measured are part of the result.
    """
    environment = _environment(request.settings.threads)
    conditions = request.conditions(environment)
    asked = {Pairing(one.model, one.batch, side_of(one), side_of(one)): one.failure for one in series}
    shared = measured_as(one for one, failure in asked.items() if not failure)
    distinct = list(dict.fromkeys(shared.values()))
    request.check(len(distinct))
    installed, failures = installed_versions(request) if distinct else ([], {})
    unread = unreadable(installed, distinct, conditions, journal) if len(installed) > 1 else {}
    planned = steps([one.name for one in installed], distinct, unread)
    results, seeds = _measured(request, planned, installed, environment, conditions, output)
    names = [one.text for one in request.versions]

    def series_of(pairing: Pairing, failure: str) -> SweptSeries:
        if failure:
            return SweptSeries(pairing, dict.fromkeys(names, failure))
        measured = shared[pairing]
        reasons = ((name, failures.get(name) or unread.get((name, measured), "")) for name in names)
        return swept(pairing, names, {name: reason for name, reason in reasons if reason}, results, measured)

    packages = {one.name: one.packages for one in installed}
    found = [series_of(pairing, failure) for pairing, failure in asked.items()]
    return Sweep(request.package, names, packages, failures, found, seeds)


def installed_versions(request: SweepRequest) -> tuple[list[SweptVersion], dict[str, str]]:
    """The versions that can be imported, each in its environment, and why the others cannot, by their names."""
    store = EnvironmentStore(request.settings.cache_dir)
    installed, failures = [], {}
    for asked in request.versions:
        try:
            version = _here(request.package, asked) if asked.is_installed else _made(request, asked, store)
            check_runtime(version, request.settings.backend)
        except InstallationError as error:
            say(f"not measured: {error}")
            failures[asked.text] = str(error)
        else:
            installed.append(version)
    return installed, failures


def _here(package: str, asked: AskedVersion) -> SweptVersion:
    """The version that is installed in this environment."""
    found = {name: package_version(name) or "" for name in (package, *_COMPUTING)}
    return SweptVersion(package, asked.text, Interpreters.new, found)


def _made(request: SweepRequest, asked: AskedVersion, store: EnvironmentStore) -> SweptVersion:
    found = store.find(request.package, asked.text)
    if found is None:
        say(f"installing {request.package} {asked.text} into {store.folder}")
        found = store.make(request.package, asked.text, request.install_timeout_s, say)
        say(f"installed {found}: {found.size_mib:.0f} MiB in {found.install_s:.0f} s")
    packages = {name: found.packages.get(name, "") for name in (request.package, *_COMPUTING)}
    return SweptVersion(request.package, asked.text, found.python, packages)


def _environment(threads: int | None) -> Environment:
    """What the pairs depend on besides the versions: this machine, whatever runtime is installed here."""
    environment = dataclasses.replace(collect(threads), onnxruntime_version=None)
    if caution := crowded_threads(environment):
        say(f"warning: {caution}")
    return environment


def _measured(
    request: SweepRequest,
    planned: Sequence[Step],
    installed: Sequence[SweptVersion],
    environment: Environment,
    conditions: Conditions,
    output: Path,
) -> tuple[dict[tuple[str, str], dict[Pairing, GateResult]], dict[str, int]]:
    """The results of every gate, and its seed."""
    rates = error_rates(planned, request.rules.error_rate)
    by_name = {one.name: one for one in installed}
    results, seeds = {}, {}
    for number, (step, error_rate) in enumerate(zip(planned, rates, strict=True), start=1):
        say(f"[{number}/{len(planned)}] {step.older} -> {step.newer}: {len(step.series)} series")
        rules = dataclasses.replace(request.rules, error_rate=error_rate)
        older, newer = by_name[step.older], by_name[step.newer]
        name = f"{step.older}--{step.newer}"
        with gate_session(
            output / name,
            _facts(rules, older, newer),
            step.series,
            request.settings,
            conditions,
            interrupted=PairProgress.so_far,
            interpreters=Interpreters(older.python, newer.python),
            environment=environment,
        ) as session:
            seeds[name] = session.journal.seed
            found = gate(step.series, session.measure(), rules, seed=seeds[name], listener=session.progress)
        results[step.older, step.newer] = {one.pairing: one for one in found}
    return results, seeds


def _facts(rules: GateRules, older: SweptVersion, newer: SweptVersion) -> Mapping[str, Any]:
    """What shapes the pairs of a gate: not its error rate, so that they serve a sweep of more versions, too."""
    shaping = dataclasses.asdict(rules)
    del shaping["error_rate"]
    return {"measurement": "sweep", "rules": shaping, "older": dict(older.packages), "newer": dict(newer.packages)}
