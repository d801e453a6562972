"""The finished pairs of a gate, on disk one by one, so that the same command resumes there.

What a gate does next depends only on its seed and on the results of its pairs. So it is resumed by starting it again
and replaying the finished pairs in place of new ones: the same test, in the same order, as if it had never been
interrupted. A gate that differs in anything that shapes a pair or a verdict is refused.

conditions.json  what the gate compares, how, where and with which seed
pairs.jsonl      one line per finished pair, synced before the next one starts: the truth
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.comparison.pair import Pairing, PairResult
from harness.comparison.pair_rounds import MeasurePair
from harness.errors import ComparisonError, StorageError
from harness.files.journal import Journal
from harness.files.locking import RunLock
from harness.files.storage import explained, remove_temporary_files, replace_json
from harness.records.run_info import differing_facts

CONDITIONS_NAME = "conditions.json"
PAIRS_NAME = "pairs.jsonl"

_DIFFERENCES_MAX = 6
_SEEDS = 2**30


class PairJournal:
    """The single writer of a directory of pairs. Use it as a context manager, or call `close`."""

    def __init__(self, path: Path, seed: int, journal: Journal, lock: RunLock) -> None:
        """Use `open` instead."""
        self.path = path
        self.seed = seed
        """Seed of the gate, the same in each of its sessions."""
        self.replayed = False
        """Whether the newest pair came from an earlier session."""
        self.earlier_count = len(journal.entries)
        """Pairs of earlier sessions."""
        self.new_count = 0
        """Pairs that this session measured."""
        self._earlier = collections.deque(enumerate(journal.entries, start=1))
        self._journal = journal
        self._lock = lock

    @classmethod
    def open(cls, directory: Path, conditions: Mapping[str, Any], seed: int | None) -> PairJournal:
        """Starts a gate in `directory`, or resumes the one that is there.

        Args:
            directory: made if it does not exist.
            conditions: JSON object of everything that shapes pairs and verdicts; a resumed gate must have the same.
                Of the facts under `environment`, only the id has to be the same.
            seed: seed of the gate; None takes that of the resumed gate, or a new one.

        Raises:
            RunLockedError: another process is measuring into the directory.
            ComparisonError: the directory holds the pairs of another gate.
            StorageError: the directory is damaged, or cannot be written.
        """
        with explained(directory):
            if directory.exists() and not directory.is_dir():
                raise StorageError(f"{directory} is a file. Give --output a directory.")
            directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            lock = RunLock(directory)
            undo.callback(lock.release)
            with explained(directory):
                remove_temporary_files(directory)
            agreed = _agreed_seed(directory, conditions, seed)
            journal = Journal(directory / PAIRS_NAME)
            undo.pop_all()
        return cls(directory, agreed, journal, lock)

    def recording(self, measure: MeasurePair) -> MeasurePair:
        """Wraps `measure` to keep every pair; pairs of earlier sessions come first, and are not measured again."""

        def measure_or_replay(pairing: Pairing, seed: int, swapped: bool) -> PairResult:
            asked = {
                "model": pairing.model,
                "batch": pairing.batch,
                "precision": pairing.new.precision,
                "seed": seed,
                "swapped": swapped,
            }
            self.replayed = bool(self._earlier)
            if self._earlier:
                return self._replay(asked)
            result = measure(pairing, seed, swapped)
            self._journal.append({**asked, "result": dataclasses.asdict(result)})
            self.new_count += 1
            return result

        return measure_or_replay

    def _replay(self, asked: Mapping[str, Any]) -> PairResult:
        number, entry = self._earlier.popleft()
        path = self.path / PAIRS_NAME
        try:
            if any(entry[name] != value for name, value in asked.items()):
                raise StorageError(
                    f"{path}: line {number} is not the pair that comes next in this gate. The file was edited; give "
                    "another --output."
                )
            return PairResult(**entry["result"])
        except (KeyError, TypeError) as error:
            raise StorageError(
                f"{path} is damaged: line {number} is not a pair ({error}). Give another --output."
            ) from error

    def close(self) -> None:
        """Releases the directory; everything is on disk already. A second call does nothing."""
        self._journal.close()
        self._lock.release()

    def __enter__(self) -> PairJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def series_facts(pairings: Sequence[Pairing]) -> dict[str, Any]:
    """The sides of every series, in the order of the series, for `PairJournal.open`."""
    return {
        _name_of(one): {
            "base_sha256": one.base.sha256,
            "new_sha256": one.new.sha256,
            # Only where there are any: gates of earlier versions have none.
            **(
                {"companions": [list(side.companions) for side in (one.base, one.new)]}
                if one.base.companions or one.new.companions
                else {}
            ),
            **({"backends": [one.base.backend, one.new.backend]} if one.base.backend or one.new.backend else {}),
        }
        for one in pairings
    }


def _name_of(one: Pairing) -> str:
    """A series, by all that tells it from the others of its gate."""
    held = f", inputs {one.new.inputs}" if one.new.inputs else ""
    return f"{one.model} ({one.base.form} to {one.new.form}, batch {one.batch}{held})"


def _agreed_seed(directory: Path, conditions: Mapping[str, Any], seed: int | None) -> int:
    """Returns the seed of the gate in `directory`, which is started if there is none.

    Raises:
        ComparisonError: another gate is there; the message lists the facts that differ.
    """
    path = directory / CONDITIONS_NAME
    # As they will be read back.
    wanted: dict[str, Any] = json.loads(json.dumps(conditions))
    if not path.is_file():
        if (directory / PAIRS_NAME).exists():
            raise StorageError(
                f"{directory} has {PAIRS_NAME} but no {CONDITIONS_NAME}, so it is unknown what was measured. Give "
                "another --output."
            )
        seed = secrets.randbelow(_SEEDS) if seed is None else seed
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        replace_json(path, {"created_at": now, "seed": seed, **wanted})
        return seed
    stored = _stored(path)
    kept: int = stored["seed"]
    differences = _differences({**stored, "seed": kept}, {**wanted, "seed": kept if seed is None else seed})
    if differences:
        raise ComparisonError(
            f"{directory} has the pairs of another measurement: {differences}. Pairs of different measurements are "
            "never mixed. Give another --output."
        )
    return kept


def _stored(path: Path) -> dict[str, Any]:
    with explained(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        stored: dict[str, Any] = json.loads(text)
        if not isinstance(stored["seed"], int):
            raise ValueError(f"its seed is {stored['seed']!r}")
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(
            f"{path} is damaged ({error}), so it is unknown what was measured. Give another --output."
        ) from error
    return stored


def _differences(stored: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The differences, in words; empty if the stored pairs are those of the wanted measurement."""
    environments = [facts.pop("environment", {}) for facts in (stored, wanted)]
    stored.pop("created_at", None)
    # The order of the series counts too: it decides which series a random order puts where.
    if json.dumps(stored.get("series")) == json.dumps(wanted.get("series")) and stored == wanted:
        return ""
    found = differing_facts(stored, wanted)
    if stored.get("environment_id") != wanted.get("environment_id"):
        found += differing_facts(environments[0], environments[1])
    if not found:
        return "the order of the series"
    told = [f"{name} was {old!r}, is {new!r}" for name, old, new in found[:_DIFFERENCES_MAX]]
    left_out = len(found) - _DIFFERENCES_MAX
    return "; ".join(told) + (f"; and {left_out} more" if left_out > 0 else "")
