"""What all pictures share: palette, style, and how they are written."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.storage import explained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#666666", "#8C510A", "#5E3C99")
"""Okabe and Ito's palette, told apart with every common colour blindness; black and yellow are left out."""

DARK_GREY = "#444444"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    # Without these an SVG has new ids every time, and a report that did not change differs.
    "svg.hashsalt": "baseline-zoo",
}
_PNG_DPI = 200


class PictureError(HarnessError):
    """The picture cannot be drawn."""


def matplotlib_is_here() -> bool:
    """Whether pictures can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """The style of every picture, for the making of a figure and for `save`.

    Raises:
        PictureError: if matplotlib is not installed.
    """
    if not matplotlib_is_here():
        raise PictureError("The picture needs matplotlib, which is not installed: pip install 'baseline-zoo[report]'")
    from matplotlib import rc_context

    with rc_context(_STYLE):
        yield


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Writes the figure; the suffix, `.svg` or `.png`, is the format. The same figure is the same SVG to the byte.

    Raises:
        StorageError: if a file cannot be written.
    """
    for path in paths:
        metadata = {"Date": None} if path.suffix == ".svg" else None
        with explained(path):
            figure.savefig(path, dpi=_PNG_DPI, metadata=metadata)
