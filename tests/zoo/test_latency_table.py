"""docs/latency_table.md is that of the catalogue."""

from __future__ import annotations

import zoo
from zoo.latency_table import DOCUMENT, render_latencies


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render_latencies()


def test_every_figure_has_a_line_with_the_place_that_states_it() -> None:
    lines = [line for line in render_latencies().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    figures = [(name.strip("`"), ms) for name, _, _, _, _, _, ms, _ in cells if ms]
    assert figures == [(card.name, f"{one.latency_ms:g}") for card in zoo.cards() for one in card.latencies]
    assert all(line[-1] for line in cells)
