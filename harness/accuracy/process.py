"""The asking end of the evaluating process, which it starts again where it ended."""

from __future__ import annotations

import dataclasses
import sys
from types import TracebackType
from typing import Any

from harness.accuracy.memory import OpenNetworks
from harness.accuracy.messages import Evaluate, Evaluated, Load, Loaded, Setup
from harness.accuracy.subjects import Subject
from harness.errors import AccuracyError, PartnerError
from harness.processes.partner import Partner

_COMMAND = [sys.executable, "-X", "faulthandler", "-m", "harness.accuracy.worker"]

# A chunk is many images for every pipeline, a question to a network a few.
_LOAD_TIMEOUTS = 10


class EvaluatingProcess:
    """Use it as a context manager, or call `end`.

    A network that fails beside others is tried once more in a process that holds no other, and that decides: so no
    network fails for what the others take or do.
    """

    def __init__(self, setup: Setup, networks: OpenNetworks, timeout_s: float) -> None:
        """Starts nothing yet.

        Args:
            setup: what the process is to work with.
            networks: which stay open.
            timeout_s: for one question to a network.
        """
        self._setup = setup
        self._networks = networks
        self._timeout_s = timeout_s
        self._partner: Partner | None = None
        self._load: Load | None = None
        self._loaded: Loaded | None = None
        self._held: dict[str, float] = {}

    def load(self, asked: Load) -> Loaded:
        """Has the images prepared.

        Raises:
            AccuracyError: one cannot be read any more, or the process did not survive them.
        """
        # Until it has answered there is nothing to load again.
        self._load = self._loaded = None
        self._loaded = self._ask_load(asked)
        self._load = asked
        return self._loaded

    def evaluate(self, asked: Evaluate) -> Evaluated:
        """What a network names.

        Raises:
            PartnerError: it failed, and not for what the others do.
            AccuracyError: the images could not be loaded again after a failure.
        """
        key = asked.subject.key
        try:
            found = self._ask_evaluate(asked)
        except PartnerError as error:
            beside = len(self._held.keys() - {key})
            self._forget(key)
            if self._alive() and error.status != "out_of_memory":
                raise
            self.end()
            if not beside:
                raise
            found = self._ask_evaluate(asked)
            if error.status == "out_of_memory":
                self._networks.fewer_than(beside + 1)
        self._held[key] = max(self._held.get(key, 0.0), found.memory_mib)
        return found

    def finished(self, subject: Subject) -> None:
        """A network has named every image of the chunk: it stays open if it fits."""
        if not self._networks.keep(subject.key, self._held[subject.key]):
            self._forget(subject.key)
            try:
                self._ask({"ask": "close", "key": subject.key}, self._timeout_s)
            except PartnerError:
                # What it named is here already; the next question starts a new process.
                self.end()

    def end(self) -> None:
        """Ends the process, if there is one."""
        if self._partner is not None:
            self._partner.end()
        self._partner = None
        self._held.clear()
        self._networks.all_closed()

    def __enter__(self) -> EvaluatingProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _alive(self) -> bool:
        return self._partner is not None and not self._partner.ended

    def _forget(self, key: str) -> None:
        self._held.pop(key, None)
        self._networks.closed(key)

    def _ask_evaluate(self, asked: Evaluate) -> Evaluated:
        if not self._alive():
            self._load_again()
        return Evaluated.from_json(self._ask(asked.to_json(), self._timeout_s))

    def _load_again(self) -> None:
        """Has the images of the chunk prepared by a new process.

        Raises:
            AccuracyError: they are not what they were.
        """
        assert self._load is not None
        assert self._loaded is not None
        again = self._ask_load(dataclasses.replace(self._load, next_stop=self._load.stop))
        if again.digests != self._loaded.digests:
            raise AccuracyError("images changed while they were evaluated; leave them alone, and repeat the command")

    def _ask_load(self, asked: Load) -> Loaded:
        try:
            return Loaded.from_json(self._ask(asked.to_json(), _LOAD_TIMEOUTS * self._timeout_s))
        except PartnerError as error:
            fewer = " A smaller --memory takes fewer at a time." if error.status == "out_of_memory" else ""
            raise AccuracyError(
                f"images {asked.start + 1:,} to {asked.stop:,} could not be prepared: {error}{fewer} What is finished "
                "is kept: the same command goes on from there"
            ) from error

    def _ask(self, question: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """The answer of the process, which is started where there is none.

        Raises:
            PartnerError: it failed, ended, or did not answer in time.
        """
        if not self._alive():
            self._partner = Partner(_COMMAND, "evaluation")
            self._partner.ask(self._setup.to_json(), self._timeout_s)
        assert self._partner is not None
        return self._partner.ask(question, timeout_s)
