"""The parent's side of the evaluating process, which is restarted if it ends."""

from __future__ import annotations

import dataclasses
from types import TracebackType
from typing import Any

from harness.accuracy.memory import OpenNetworks
from harness.accuracy.messages import Evaluate, Evaluated, Load, Loaded, OpenImages
from harness.accuracy.targets import EvaluationTarget
from harness.errors import AccuracyError, ChildError
from harness.processes.child_process import ChildProcess

# A chunk is many images for every pipeline; a question to a network is a few.
_LOAD_TIMEOUTS = 10


class EvaluatingProcess:
    """Asks the evaluating process, starting it when needed; use it as a context manager, or call `end`.

    A network that fails while others are open is tried once more in a process of its own, and that result decides:
    no network fails because of what the others take or do.
    """

    def __init__(self, images: OpenImages, networks: OpenNetworks, timeout_s: float) -> None:
        """Starts nothing yet.

        Args:
            images: the images that the process opens first.
            networks: decides which networks stay open.
            timeout_s: limit for one question to a network.
        """
        self._images = images
        self._networks = networks
        self._timeout_s = timeout_s
        self._process: ChildProcess | None = None
        self._load: Load | None = None
        self._loaded: Loaded | None = None
        self._held: dict[str, float] = {}

    def load(self, asked: Load) -> Loaded:
        """Has the images prepared.

        Raises:
            AccuracyError: an image can no longer be read, or the process did not survive the images.
        """
        # Until the process has answered, there is nothing to load again.
        self._load = self._loaded = None
        self._loaded = self._ask_load(asked)
        self._load = asked
        return self._loaded

    def evaluate(self, asked: Evaluate) -> Evaluated:
        """Returns the predictions of a network.

        Raises:
            ChildError: it failed, and not because of the others.
            AccuracyError: the images could not be loaded again after a failure.
        """
        key = asked.target.key
        try:
            found = self._ask_evaluate(asked)
        except ChildError as error:
            # If the process is still alive and memory did not run out, the network failed by itself, and that is
            # final. Otherwise any of the open networks may be the cause: this one is asked again in a process of its
            # own, and fails only if it fails there too, or was alone before.
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

    def finished(self, target: EvaluationTarget) -> None:
        """Keeps a network that has seen every image of the chunk open if it fits, and closes it otherwise."""
        if not self._networks.keep(target.key, self._held[target.key]):
            self._forget(target.key)
            try:
                self._ask({"ask": "close", "key": target.key}, self._timeout_s)
            except ChildError:
                # Its predictions have already arrived; the next question starts a new process.
                self.end()

    def end(self) -> None:
        """Ends the process, if there is one."""
        if self._process is not None:
            self._process.end()
        self._process = None
        self._held.clear()
        self._networks.all_closed()

    def __enter__(self) -> EvaluatingProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _alive(self) -> bool:
        return self._process is not None and not self._process.ended

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
            AccuracyError: the images have changed.
        """
        assert self._load is not None
        assert self._loaded is not None
        again = self._ask_load(dataclasses.replace(self._load, next_stop=self._load.stop))
        if again.digests != self._loaded.digests:
            raise AccuracyError("images changed during the evaluation; leave them alone, and repeat the command")

    def _ask_load(self, asked: Load) -> Loaded:
        try:
            return Loaded.from_json(self._ask(asked.to_json(), _LOAD_TIMEOUTS * self._timeout_s))
        except ChildError as error:
            fewer = " A smaller --memory prepares fewer at a time." if error.status == "out_of_memory" else ""
            raise AccuracyError(
                f"images {asked.start + 1:,} to {asked.stop:,} could not be prepared: {error}{fewer} What is finished "
                "is kept: the same command resumes from there"
            ) from error

    def _ask(self, question: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Returns the answer of the process, starting one if there is none.

        Raises:
            ChildError: the process failed, ended, or did not answer in time.
        """
        if not self._alive():
            self._process = ChildProcess("harness.accuracy.worker", "evaluation")
            self._process.ask(self._images.to_json(), self._timeout_s)
        assert self._process is not None
        return self._process.ask(question, timeout_s)
