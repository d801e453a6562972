"""The commands of `python -m harness`, one per file, each imported only when requested."""

from __future__ import annotations

import dataclasses
import pkgutil

from harness.commands.command import Command


@dataclasses.dataclass(frozen=True)
class Entry:
    """The facts of a command that are known without importing it."""

    name: str
    help: str
    """One line, for the list of commands."""
    where: str
    """`module:attribute` of its `Command`, below `harness.commands`."""

    def load(self) -> Command:
        """Imports the command."""
        found = pkgutil.resolve_name(f"harness.commands.{self.where}")
        assert isinstance(found, Command)
        return found


ENTRIES = (
    Entry("list", "the models, with their published figures", "models:LIST"),
    Entry("show", "everything known about one model", "models:SHOW"),
    Entry("convert", "convert models to verified ONNX artifacts", "convert:CONVERT"),
    Entry("build", "build engines, on a machine without a GPU too, for a run elsewhere", "build:BUILD"),
    Entry("run", "convert and measure models, write the CSV, the table and the picture", "run:RUN"),
    Entry("accuracy", "top-1 and top-5 of models on labelled images, all in one pass", "accuracy:ACCURACY"),
    Entry("merge", "what several machines left of one command, as one run or bundle", "merge:MERGE"),
    Entry("profile", "which layers of one model take the time, as a CSV and a picture", "profile:PROFILE"),
    Entry("verify", "verify networks and artifacts against the original releases", "verify:VERIFY"),
    Entry("compare", "compare two runs: what became slower, at a stated error rate", "compare:COMPARE"),
    Entry(
        "accuracy-compare",
        "compare variants of a model on the same images: what a precision or an exporter costs",
        "accuracy_compare:ACCURACY_COMPARE",
    ),
    Entry("gate", "compare two versions, pair by pair: what became slower, at a stated error rate", "gate:GATE"),
    Entry(
        "conversion-cost",
        "what exporters leave to be gained, and what conversion gained, model by model",
        "conversion_cost:CONVERSION_COST",
    ),
    Entry("sweep", "versions of a runtime, each installed for it: from which one a series is slower", "sweep:SWEEP"),
    Entry("selfcheck", "the gate's false alarms and power on this machine", "selfcheck:SELFCHECK"),
    Entry("history", "runs kept in one file, and where a series changed", "history:HISTORY"),
    Entry("reproduce", "a row as a script, an artifact and what to expect, for others to run", "reproduce:REPRODUCE"),
    Entry("report", "write the table and the picture of a run again", "report:REPORT"),
    Entry("env", "this machine, and which backends can run on it", "env:ENV"),
)
"""In the order of the help."""
