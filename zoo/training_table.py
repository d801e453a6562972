"""`docs/training_table.md`: what the weights of every model learned from. `python -m zoo.training_table` writes it."""

from __future__ import annotations

from pathlib import Path

from foundation.replacing import replacing
from zoo.card import ModelCard
from zoo.catalog.reader import all_cards

DOCUMENT = Path(__file__).parent.parent / "docs" / "training_table.md"

_INTRODUCTION = """\
# What the weights of every model learned from

Generated from `zoo/catalog/*.toml` by `python -m zoo.training_table`; do not edit. [models.md](models.md) explains it.

An empty cell is a fact that the release does not state. `trained at` and `tested at` are heights and widths of the
images in pixels. Files are those of the release's repository at the commit that the source's TOML names, unless an
address is given.

| model | data | teacher | epochs | trained at | tested at | top-1, % | stated in |
|---|---|---|---|---|---|---|---|
"""


def render_training() -> str:
    """The document as markdown."""
    return _INTRODUCTION + "".join(f"{_line(card)}\n" for card in all_cards().values())


def _line(card: ModelCard) -> str:
    training = card.training
    cells = (
        f"`{card.name}`",
        training.all_data,
        training.teacher,
        "" if training.epochs is None else f"{training.epochs:g}",
        training.resolution_px or "",
        card.resolution,
        "" if card.published.top1_percent is None else f"{card.published.top1_percent:g}",
        training.stated_in,
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    with replacing(DOCUMENT) as temporary:
        temporary.write_text(render_training(), encoding="utf-8")
