"""Texts on hover in an SVG."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `report`")

from matplotlib.figure import Figure

from reports.pictures import drawing, save, set_hover_text

SVG = "{http://www.w3.org/2000/svg}"


def _saved(path: Path) -> Path:
    with drawing():
        figure = Figure()
        axes = figure.add_subplot()
        for height in (1, 2):
            (line,) = axes.plot([0, 1], [height, height])
            set_hover_text(line, f"line-{height}", f"<b> & {height}")
        axes.plot([0, 1], [3, 3], label="in the legend")
        axes.legend()
        save(figure, [path])
    return path


def test_each_part_has_its_own_text_as_text(tmp_path: Path) -> None:
    root = ElementTree.parse(_saved(tmp_path / "1.svg")).getroot()
    for height in (1, 2):
        (group,) = root.findall(f".//{SVG}g[@id='line-{height}']")
        # Browsers show the title only if it is the first child.
        assert (group[0].tag, group[0].text) == (f"{SVG}title", f"<b> & {height}")
        assert len(group) > 1
    assert len(root.findall(f".//{SVG}title")) == 2


def test_the_legend_does_not_list_them(tmp_path: Path) -> None:
    legend = ElementTree.parse(_saved(tmp_path / "1.svg")).getroot().find(f".//{SVG}g[@id='legend_1']")
    assert legend is not None
    assert len([group for group in legend.iter(f"{SVG}g") if group.get("id", "").startswith("text_")]) == 1


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    assert _saved(tmp_path / "1.svg").read_bytes() == _saved(tmp_path / "2.svg").read_bytes()
