"""The questions that the evaluating process answers (`harness.accuracy.messages`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.accuracy.messages import Evaluate, Load, OpenImages
from harness.accuracy.worker.evaluator import Evaluator


class Service:
    """Passes each question to the evaluator, which the first question creates."""

    def __init__(self) -> None:
        self._evaluator: Evaluator | None = None
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "open": self._open,
            "load": lambda data: self._ready().load(Load.from_json(data)).to_json(),
            "evaluate": lambda data: self._ready().evaluate(Evaluate.from_json(data)).to_json(),
            "close": self._close,
        }

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer to a question; what cannot be done raises an exception."""
        return self._answers[question["ask"]](question)

    def _open(self, data: dict[str, Any]) -> dict[str, Any]:
        self._evaluator = Evaluator(OpenImages.from_json(data))
        return {}

    def _close(self, data: dict[str, Any]) -> dict[str, Any]:
        self._ready().close(data["key"])
        return {}

    def _ready(self) -> Evaluator:
        assert self._evaluator is not None
        return self._evaluator
