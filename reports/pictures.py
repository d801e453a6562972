"""What all pictures share: palette, style, and writing to files."""

from __future__ import annotations

import contextlib
import html
import importlib.util
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.replacing import replacing
from harness.errors import HarnessError
from harness.files.storage import explained

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#882255", "#8C510A", "#5E3C99")
"""Okabe and Ito's palette, distinguishable with every common colour blindness, and three more colours: black is
reserved for the frontier, grey for dominated points, and yellow is omitted."""

# Matplotlib's letters. Markers differ too, for print in greyscale.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

DARK_GREY = "#444444"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "date.converter": "concise",
    # Without a fixed salt an SVG has new ids every time, and an unchanged report differs.
    "svg.hashsalt": "baseline-zoo",
    # TrueType: the paper checks of IEEE and ACM refuse matplotlib's default Type 3 fonts.
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
    """Applies the style of every picture, while a figure is made and saved.

    Raises:
        PictureError: matplotlib is not installed.
    """
    if not matplotlib_is_here():
        raise PictureError("The picture needs matplotlib, which is not installed: pip install 'baseline-zoo[report]'")
    from matplotlib import rc_context

    with rc_context(_STYLE):
        yield


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """An empty figure whose parts can be asked for their size at any time.

    Without a canvas of its own, matplotlib would open a new one to answer each question.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def lay_out(figure: Figure) -> None:
    """Gives all parts of the figure their places, without the time of drawing it."""
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)


def keep_layout(figure: Figure) -> None:
    """Keeps the places of a laid-out figure's parts: `save` would lay it out again, for its own resolution."""
    figure.set_layout_engine(None)


def style(position: int) -> tuple[str, str]:
    """Colour and marker of the source at a position, the same in every picture; pairs repeat only after 81."""
    return COLOURS[position % len(COLOURS)], _MARKERS[(position + position // len(COLOURS)) % len(_MARKERS)]


def set_hover_text(artist: Artist, identifier: str, text: str) -> None:
    """Gives a part of a figure the text that browsers show on hover in the SVG that `save` writes.

    Args:
        artist: what is drawn as one group of the SVG, as lines are.
        identifier: the `id` of that group, different from all others of the figure.
        text: plain text.
    """
    artist.set_gid(identifier)
    # Legends skip labels that begin with an underscore.
    artist.set_label(f"_{text}")


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Writes the figure; the suffix, `.svg`, `.png` or `.pdf`, is the format.

    The same figure is the same SVG and PDF to the byte. An SVG has the texts of `set_hover_text`.

    Raises:
        StorageError: a file cannot be written.
    """
    for path in paths:
        with explained(path), replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], dpi=_PNG_DPI, metadata=_NO_DATE.get(path.suffix))
            if path.suffix == ".svg":
                _insert_titles(temporary, figure)


def _insert_titles(svg: Path, figure: Figure) -> None:
    """Writes the texts of `set_hover_text` as title elements, which matplotlib has no means for."""
    named = figure.findobj(lambda artist: artist.get_gid() is not None)
    titles = {str(artist.get_gid()): str(artist.get_label()).removeprefix("_") for artist in named}

    def titled(group: re.Match[str]) -> str:
        title = titles.get(group[1])
        return group[0] if title is None else f"{group[0]}\n<title>{html.escape(title, quote=False)}</title>"

    svg.write_text(re.sub(r'<g id="([^"]*)">', titled, svg.read_text(encoding="utf-8")), encoding="utf-8")
