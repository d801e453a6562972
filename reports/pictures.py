"""What all pictures share: palette, style, and how they are written."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.replacing import replacing
from harness.errors import HarnessError
from harness.files.storage import explained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#882255", "#8C510A", "#5E3C99")
"""Okabe and Ito's palette, told apart with every common colour blindness, and three more: black is left to the
frontier, grey to what is dominated, and yellow out."""

# Matplotlib's letters. They differ too, for print in grey.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

DARK_GREY = "#444444"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "date.converter": "concise",
    # Without these an SVG has new ids every time, and a report that did not change differs.
    "svg.hashsalt": "baseline-zoo",
    # TrueType: IEEE's and ACM's checks of papers refuse matplotlib's usual Type 3 fonts.
    "pdf.fonttype": 42,
}
_PNG_DPI = 200
# Without a date the same figure gives the same file.
_NO_DATE: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


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


def style(position: int) -> tuple[str, str]:
    """Colour and marker of the source at a position, in every picture the same; pairs repeat only after 81."""
    return COLOURS[position % len(COLOURS)], _MARKERS[(position + position // len(COLOURS)) % len(_MARKERS)]


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Writes the figure; the suffix, `.svg`, `.png` or `.pdf`, is the format.

    The same figure is the same SVG and PDF to the byte.

    Raises:
        StorageError: if a file cannot be written.
    """
    for path in paths:
        with explained(path), replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], dpi=_PNG_DPI, metadata=_NO_DATE.get(path.suffix))
