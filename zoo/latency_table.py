"""`docs/latency_table.md`: the latencies that the releases state. `python -m zoo.latency_table` writes it."""

from __future__ import annotations

from pathlib import Path

from foundation.published_latency import PublishedLatency
from foundation.replacing import replacing
from zoo.card import ModelCard
from zoo.catalog.reader import all_cards

DOCUMENT = Path(__file__).parent.parent / "docs" / "latency_table.md"

_INTRODUCTION = """\
# Latencies that the releases state

Generated from `zoo/catalog/*.toml` by `python -m zoo.latency_table`; do not edit. [models.md](models.md) explains it.

An empty cell is a condition that the release does not state. Devices and runtimes are in its words; milliseconds are
for the whole batch. Files are those of the release's repository at the commit that the source's TOML names.

| model | searched for | device | runtime | precision | batch | ms | stated in |
|---|---|---|---|---|---|---|---|
"""


def render_latencies() -> str:
    """The document as markdown: a line for each figure, and for each model that was searched for something."""
    lines = [
        _line(card, latency)
        for card in all_cards().values()
        if card.latencies or card.search
        for latency in card.latencies or (None,)
    ]
    return _INTRODUCTION + "".join(f"{line}\n" for line in lines)


def _line(card: ModelCard, latency: PublishedLatency | None) -> str:
    figures = (
        ("", "", "", "", "")
        if latency is None
        else (latency.device, latency.runtime, latency.precision, latency.batch or "", f"{latency.latency_ms:g}")
    )
    places = dict.fromkeys(fact.stated_in for fact in (card.search, latency) if fact)
    cells = (f"`{card.name}`", card.search.target if card.search else "", *figures, "; ".join(places))
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    with replacing(DOCUMENT) as temporary:
        temporary.write_text(render_latencies(), encoding="utf-8")
