"""docs/training_table.md is that of the catalogue."""

from __future__ import annotations

import zoo
from zoo.training_table import DOCUMENT, render_training


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render_training()


def test_every_model_has_a_line_with_its_data_and_where_they_are_stated() -> None:
    lines = {line.split("`")[1]: line for line in render_training().splitlines() if line.startswith("| `")}
    for card in zoo.cards():
        cells = [cell.strip() for cell in lines[card.name].strip("|").split("|")]
        assert cells[1] == card.training.all_data
        assert cells[-1] == card.training.stated_in
        assert all((cells[1], cells[-1]))
