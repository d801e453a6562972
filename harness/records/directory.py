"""A run directory: the trials of a run, kept so that nothing finished is ever lost.

run.json       environment, settings and seed (`harness.records.run_info`)
series.json    the facts of every series, those that failed to convert included, and the latencies that releases state
trials.jsonl   one line per finished trial, synced before the next one starts: the source of all figures; series with
               the same artifact share them (`harness.records.sharing`)
samples/       raw times of each trial, one .npz each
accuracy.jsonl one line per evaluation, the newest of a series counts; only if accuracy was requested
accuracy/      the predictions of each network for each image (`harness.accuracy.records`)
results.csv    one row per series, rebuilt from the trials after each of them (`harness.records.schema`)
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from foundation.replacing import TEMPORARY_SUFFIX
from harness.errors import StorageError
from harness.files.journal import Journal
from harness.files.locking import HOLDER_NAME, LOCK_NAME, RunLock
from harness.files.storage import explained, remove_temporary_files, replace_json, replace_text
from harness.processes.trial import TrialResult
from harness.records.accuracy_journal import AccuracyJournal
from harness.records.accuracy_result import AccuracyResult
from harness.records.rows import Row, RunFacts, build_row
from harness.records.run_info import RUN_INFO_NAME, RunEnvironment, RunInfo, check_continues, load_run_info
from harness.records.series import Series
from harness.records.sharing import measured_as
from harness.records.table import format_header, format_row

SERIES_NAME = "series.json"
TRIALS_NAME = "trials.jsonl"
SAMPLES_NAME = "samples"
RESULTS_NAME = "results.csv"

_DISTRIBUTION = "baseline-zoo"


class EnvironmentFacts(Protocol):
    """What the run directory needs to know about an environment."""

    @property
    def environment_id(self) -> str:
        """Digest of the facts."""

    @property
    def device(self) -> str:
        """The processor or accelerator in words."""

    def to_json(self) -> dict[str, Any]:
        """The facts; on a CPU they include `threads`."""


class RunDirectory:
    """The single writer of a run directory. Use it as a context manager, or call `close`."""

    def __init__(self, path: Path, info: RunInfo, journal: Journal, lock: RunLock) -> None:
        """Reads what is stored; use `open` to obtain one."""
        self.path = path
        self.info = info
        self._journal = journal
        self._lock = lock
        self._series = load_series(path)
        self._trials = _trials_by_series(self._journal.entries, path / TRIALS_NAME)
        self._measured_as = measured_as(self._series.values(), self._trials)
        self._accuracy = AccuracyJournal(path)
        self._rows: dict[str, Row] = {}
        self._lines: dict[str, str] = {}

    @classmethod
    def open(
        cls,
        output: Path,
        *,
        environments: Mapping[str, EnvironmentFacts],
        settings: Mapping[str, Any],
        seed: int | None = None,
        reference_sha256: str = "",
        resume: bool = False,
    ) -> RunDirectory:
        """Starts a run in `output`, or continues the one that is there.

        Args:
            output: directory; created if it does not exist.
            environments: by backend, the environment its trials will be measured in; at least one.
            settings: requested settings, a JSON object; `FIXED_SETTINGS` must equal those of the run
                continued.
            seed: seed of the run; None takes that of the run continued, or a new one.
            reference_sha256: digest of the reference network.
            resume: whether there must be a run to continue.

        Raises:
            RunLockedError: another process writes to it.
            DifferentRunError: it holds a run that this one must not be mixed with.
            StorageError: it holds something else, or cannot be written.
        """
        with explained(output):
            _check_is_ours(output, resume)
            output.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            lock = RunLock(output)
            undo.callback(lock.release)
            info = _agreed_info(output, environments, dict(settings), seed, reference_sha256)
            with explained(output):
                remove_temporary_files(output)
                remove_temporary_files(output / SAMPLES_NAME)
                (output / SAMPLES_NAME).mkdir(exist_ok=True)
            replace_json(output / RUN_INFO_NAME, info.to_json())
            journal = Journal(output / TRIALS_NAME)
            undo.callback(journal.close)
            run = cls(output, info, journal, lock)
            run._write_results()
            undo.pop_all()
        return run

    def close(self) -> None:
        """Releases the directory; everything is on disk already. A second call does nothing."""
        self._journal.close()
        self._accuracy.close()
        self._lock.release()

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def seed(self) -> int:
        """Seed of the run, the same in each of its sessions."""
        return self.info.seed

    def trials_done(self) -> dict[str, set[int]]:
        """The rounds of every series' finished trials, whatever their status, by series key."""
        return {key: {round_ for round_, _ in trials} for key, trials in self._trials.items()}

    def trials(self, series_key: str) -> list[TrialResult]:
        """The finished trials of a series itself, oldest first."""
        return [result for _, result in self._trials.get(series_key, [])]

    def measured_as(self) -> dict[str, Series]:
        """By the key of each series, the series whose trials its row shows: itself, or one with the same artifact."""
        return dict(self._measured_as)

    def series(self) -> list[Series]:
        """Every series of the run, in the order of the rows."""
        return list(self._series.values())

    def set_series(self, planned: Iterable[Series]) -> None:
        """Makes `planned` the series of the run, in that order, followed by those measured earlier.

        An earlier series whose row shows no trial, such as one whose conversion failed, is replaced by
        a planned one of the same model, backend, graph, precision and batch; otherwise it stays.

        Raises:
            ValueError: two planned series have the same key.
            StorageError: the files cannot be written.
        """
        series: dict[str, Series] = {}
        for one in planned:
            if one.key in series:
                raise ValueError(f"the plan has the series {one.key} twice")
            series[one.key] = one
        replaced = {_identity(one) for one in series.values()}
        for key, one in self._series.items():
            evaluated = self._accuracy.newest(key)
            shown = self._measured_as[key].key in self._trials
            measured = shown or (evaluated is not None and evaluated.measured)
            if key not in series and (measured or _identity(one) not in replaced):
                series[key] = one
        replace_json(self.path / SERIES_NAME, [one.to_json() for one in series.values()])
        self._series = series
        self._measured_as = measured_as(series.values(), self._trials)
        self._rows.clear()
        self._lines.clear()
        self._write_results()

    def samples_path(self, series_key: str, round_: int) -> Path:
        """The file into which the worker writes the raw samples of a trial."""
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", series_key.split("|")[0])
        digest = hashlib.sha256(series_key.encode()).hexdigest()[:8]
        return self.path / SAMPLES_NAME / f"{name}-{digest}-round{round_:03d}.npz"

    def append(self, series_key: str, round_: int, result: TrialResult) -> None:
        """Stores a finished trial. It is on disk when this returns, and in every row of results.csv that shares it.

        Raises:
            ValueError: the series is not part of the run, or has a trial of this round.
            StorageError: the disk is full or fails. Nothing stored before is touched; the trial
                itself is stored if it reached the journal and only results.csv could not be written.
        """
        if series_key not in self._series:
            raise ValueError(f"no series {series_key} in this run; call set_series first")
        trials = self._trials.get(series_key, [])
        if any(done == round_ for done, _ in trials):
            raise ValueError(f"series {series_key} already has a trial of round {round_}")
        self._journal.append({"series": series_key, "round": round_, "result": result.to_json()})
        self._trials[series_key] = [*trials, (round_, result)]
        self._measured_as = measured_as(self._series.values(), self._trials)
        for key, shown in self._measured_as.items():
            if shown.key == series_key:
                self._forget_row(key)
        self._write_results()

    def accuracy(self, series_key: str) -> AccuracyResult | None:
        """The newest evaluation of a series; None if there is none."""
        return self._accuracy.newest(series_key)

    def record_accuracy(self, series_key: str, result: AccuracyResult) -> None:
        """Stores an evaluation, unless it is already stored. results.csv then shows it.

        Raises:
            ValueError: the series is not part of the run.
            StorageError: it cannot be stored.
        """
        if series_key not in self._series:
            raise ValueError(f"no series {series_key} in this run; call set_series first")
        if not self._accuracy.record(series_key, result):
            return
        self._forget_row(series_key)
        self._write_results()

    def rows(self) -> list[Row]:
        """A row for every series, in the order of results.csv, with unrounded numbers."""
        return [self._row(key) for key in self._series]

    def _row(self, key: str) -> Row:
        if key not in self._rows:
            measured_in = self.info.environment_of(self._series[key].backend)
            facts = measured_in.environment
            run = RunFacts(
                environment_id=measured_in.environment_id,
                device=measured_in.device,
                threads=None if facts.get("accelerator") else facts.get("threads"),
                seed=self.info.seed,
            )
            shown = self._measured_as[key]
            self._rows[key] = build_row(
                self._series[key],
                self.trials(shown.key),
                run,
                self._accuracy.newest(key),
                measured_as="" if shown.key == key else shown.model,
            )
        return self._rows[key]

    def _forget_row(self, key: str) -> None:
        """Has the row of a series built from the present trials when it is needed next."""
        self._rows.pop(key, None)
        self._lines.pop(key, None)

    def _write_results(self) -> None:
        # Only the rows that show the new trial are rebuilt: an interval costs more than all the text.
        for key in self._series:
            if key not in self._lines:
                self._lines[key] = format_row(self._row(key))
        text = format_header() + "".join(self._lines[key] for key in self._series)
        replace_text(self.path / RESULTS_NAME, text)


def _identity(one: Series) -> tuple[str, str, str, str, int]:
    """The identity of a series regardless of its artifact."""
    return one.model, one.backend, one.graph, one.precision, one.batch


def _check_is_ours(output: Path, resume: bool) -> None:
    if output.exists() and not output.is_dir():
        raise StorageError(f"{output} is a file. Give --output a directory.")
    if (output / RUN_INFO_NAME).is_file():
        return
    if resume:
        raise StorageError(f"There is no run to resume in {output}. Omit --resume to start one there.")
    if not output.is_dir():
        return
    names = sorted(path.name for path in output.iterdir())
    # A run killed during its start leaves these.
    foreign = [
        name
        for name in names
        if name not in (LOCK_NAME, HOLDER_NAME, SAMPLES_NAME) and not name.endswith(TEMPORARY_SUFFIX)
    ]
    if foreign:
        raise StorageError(
            f"{output} is not a run directory and is not empty (it holds {', '.join(foreign[:3])}"
            f"{', ...' if len(foreign) > 3 else ''}). Give --output an empty or a new directory."
        )


def _agreed_info(
    output: Path,
    environments: Mapping[str, EnvironmentFacts],
    settings: dict[str, Any],
    seed: int | None,
    reference_sha256: str,
) -> RunInfo:
    """The facts of the run as requested now, with the seed, start time and further backends of a run continued."""
    stored = load_run_info(output) if (output / RUN_INFO_NAME).is_file() else None
    if seed is None:
        seed = stored.seed if stored else secrets.randbits(31)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    # Facts that JSON cannot represent should fail here, and facts compare as they will be read back.
    measured = {
        backend: RunEnvironment(one.environment_id, one.device, json.loads(json.dumps(one.to_json())))
        for backend, one in environments.items()
    }
    first = next(iter(measured.values()))
    wanted = RunInfo(
        **vars(first),
        settings=json.loads(json.dumps(settings)),
        seed=seed,
        reference_sha256=reference_sha256,
        harness_version=importlib.metadata.version(_DISTRIBUTION),
        created_at=stored.created_at if stored else now,
    )
    wanted = dataclasses.replace(wanted, environments=measured)
    if stored:
        check_continues(output, stored, wanted)
        measured = {**stored.by_backend, **measured}
    return wanted.with_environments(measured)


def load_series(run_directory: Path) -> dict[str, Series]:
    """The series of a run by their keys, in the order of its rows; none if none is planned yet.

    Raises:
        StorageError: the file cannot be read, or is damaged.
    """
    path = run_directory / SERIES_NAME
    if not path.is_file():
        return {}
    with explained(path):
        text = path.read_text(encoding="utf-8")
    try:
        series = [Series.from_json(data) for data in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise StorageError(
            f"{path} is damaged ({error}). Remove it to have its series planned again; finished trials are kept."
        ) from error
    return {one.key: one for one in series}


def _trials_by_series(entries: list[dict[str, Any]], path: Path) -> dict[str, list[tuple[int, TrialResult]]]:
    trials: dict[str, list[tuple[int, TrialResult]]] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            result = TrialResult.from_json(entry["result"])
            trials.setdefault(entry["series"], []).append((entry["round"], result))
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(
                f"{path} is damaged: line {number} is not a trial ({error}). Remove that line to have the "
                "trial measured again, or give another --output."
            ) from error
    return trials
