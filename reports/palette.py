"""Colours and markers that tell the sources apart, in every picture the same."""

from __future__ import annotations

# Okabe and Ito's palette, told apart with every common colour blindness, and three more; black is left to the
# frontier, grey to what is dominated, and yellow out. Markers differ too, for print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#882255", "#8C510A", "#5E3C99")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
"""Matplotlib's letters."""


def style(position: int) -> tuple[str, str]:
    """Colour and marker of the source at a position; pairs repeat only after 81."""
    return COLOURS[position % len(COLOURS)], MARKERS[(position + position // len(COLOURS)) % len(MARKERS)]
