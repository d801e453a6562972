"""The rows of a file of labels: an image's name, if the file has names, and its label as text."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from harness.datasets import imagenet
from harness.datasets.store import is_image
from harness.errors import AccuracyError

_IMAGE_COLUMNS = ("imageid", "filename", "file", "image", "path", "filepath", "imagepath", "img", "name", "id")
_LABEL_COLUMNS = (
    "predictionstring", "class", "label", "classid", "labelid", "target", "wnid", "synset", "classname", "category",
)  # fmt: skip
_DELIMITERS = ",;\t"


@dataclasses.dataclass(frozen=True)
class LabelRow:
    """One label of a file."""

    number: int
    """The line, from 1."""
    line: str
    """The line as it is, for messages."""
    label: str
    """Empty if the line has none."""
    name: str = ""
    """The image's file name, with or without suffix; empty if the file has only labels."""


@dataclasses.dataclass(frozen=True)
class LabelRows:
    """The labels of a file."""

    rows: tuple[LabelRow, ...]
    named: bool
    """Whether the rows have names of images."""
    headed: bool = False
    """Whether a header names the columns."""


def label_rows(path: Path, text: str) -> LabelRows:
    """The rows of a table with a header, of lines `file label`, or of labels alone; empty lines are skipped.

    Raises:
        AccuracyError: the columns of a table are unknown.
    """
    lines = [line.strip() for line in text.splitlines()]
    first = next(filter(None, lines), "")
    delimiter = next((mark for mark in _DELIMITERS if mark in first), "")
    if delimiter:
        table = _cells(path, text, delimiter)
        columns = _columns(table[0][1])
        if columns is not None:
            return LabelRows(tuple(_row(*line, *columns) for line in table[1:]), named=True, headed=True)
        if is_image(table[0][1][0]):
            return LabelRows(tuple(_row(*line, 0, 1) for line in table), named=True)
        if not re.search(r"\s", first):
            raise AccuracyError(
                f"{path} has the columns {', '.join(table[0][1])}; name that of the images ImageId and that of their "
                "classes Class"
            )
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line]
    if len(first.split()) == 1:
        return LabelRows(tuple(LabelRow(number, line, line) for number, line in numbered), named=False)
    return LabelRows(tuple(_words(number, line) for number, line in numbered), named=True)


def _cells(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The cells of every line that is not empty, with the line's number."""
    reader = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    try:
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise AccuracyError(f"{path}, line {reader.line_num:,}: {error}; save the table as CSV again") from error


def _columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Positions of the columns of images and labels; None if the line is not a header that names both."""
    names = [re.sub(r"[\W_]", "", cell.lower()) for cell in header]
    found = [
        next((names.index(name) for name in known if name in names), None) for known in (_IMAGE_COLUMNS, _LABEL_COLUMNS)
    ]
    image, label = found
    return None if image is None or label is None else (image, label)


def _row(number: int, cells: Sequence[str], image: int, label: int) -> LabelRow:
    name, text = (cells[column] if column < len(cells) else "" for column in (image, label))
    first = text.split(maxsplit=1)[0] if text else ""
    # Kaggle's predictions and annotations have boxes or words after the wnid.
    return LabelRow(number, ",".join(cells), first if imagenet.is_wnid(first) else text, name)


def _words(number: int, line: str) -> LabelRow:
    """A line of a name, which may contain blanks, and a label; boxes after a wnid are left out."""
    words = line.split()
    if len(words) > 2 and imagenet.is_wnid(words[1]):
        return LabelRow(number, line, words[1], words[0])
    name, label = line.rsplit(maxsplit=1) if len(words) > 1 else ("", "")
    return LabelRow(number, line, label, name)
