"""Where a comparison is published: the terminal, the page of a CI job, and the files that were asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.comparison.report import Report, junit, markdown, text
from harness.text import console


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The files that a comparison is written to; None is not written."""

    markdown: Path | None = None
    """A summary for a pull request."""
    junit: Path | None = None
    """JUnit's XML, for a CI server."""
    json: Path | None = None
    """Everything, for programs."""

    def publish(self, report: Report, data: str) -> None:
        """Prints the report and writes the files, with `data` as the JSON.

        Raises:
            StorageError: a file cannot be written.
        """
        self.write(text(report), markdown(report), junit(report, "latency"), data)

    def write(self, text: str, markdown: str, junit: str, json: str) -> None:
        """Prints the text, shows the Markdown on the page of a CI job, and writes the files that were asked for.

        Raises:
            StorageError: a file cannot be written.
        """
        print(text, end="")
        console.write(self.markdown, markdown)
        console.write(self.junit, junit)
        console.write(self.json, json)
        console.append_to_step_summary(markdown)
