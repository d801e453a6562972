"""One panel per environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `report`")

from matplotlib.colors import to_hex

from reports.errors import ReportError
from reports.groups import grouped
from reports.panels import draw_panels, make_panels
from reports.pictures import PictureError
from reports.runs import load_runs

MakeRun = Callable[..., Path]

SIGNATURES = {".svg": b"<?xml", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF"}


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_each_format_is_written(two_runs: list[Path], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"figure{suffix}"
    draw_panels(load_runs(two_runs), path)
    assert path.read_bytes().startswith(SIGNATURES[suffix])


def test_the_same_rows_give_the_same_pdf(two_runs: list[Path], tmp_path: Path) -> None:
    paths = [tmp_path / "1.pdf", tmp_path / "2.pdf"]
    for path in paths:
        draw_panels(load_runs(two_runs), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_pdf_embeds_its_fonts_as_papers_must(two_runs: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "figure.pdf"
    draw_panels(load_runs(two_runs), path)
    written = path.read_bytes()
    assert b"/FontFile2" in written
    assert b"/Type3" not in written


def test_each_environment_has_a_panel_and_each_source_one_colour(make_run: MakeRun) -> None:
    def rows(*models: str) -> list[dict[str, object]]:
        return [{"model": name, "latency_median_ms": 5.0, "accuracy_published_top1_percent": 75.0} for name in models]

    # Without a common list of sources b would have the first colour in the second panel.
    first = make_run("one", rows("a/x", "b/x"))
    second = make_run("two", rows("b/x"), environment_id="e2", device="another")
    figure = make_panels(grouped(load_runs([first, second]).rows), ["first", "second"])
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["first", "second"]
    colours = []
    for axes in figure.axes:
        legend = axes.get_legend()
        assert legend
        named = dict(zip((text.get_text() for text in legend.get_texts()), legend.legend_handles, strict=True))
        colours.append(to_hex(named["b"].get_facecolor()[0]))
    assert colours[0] == colours[1]


def test_labels_stay_inside_a_panel_if_another_has_its_legend_beside_it(make_run: MakeRun) -> None:
    """The legend of the second panel moves, and with it the left edge of the first."""

    def row(model: str, latency_ms: float, percent: float) -> dict[str, object]:
        return {"model": model, "latency_median_ms": latency_ms, "accuracy_published_top1_percent": percent}

    # Close enough that some labels end just inside the left edge.
    first = [row(f"a/a_rather_long_name_{i}", 1.05**i, 70.0 + i) for i in range(30)]
    hidden = [row("b/good", 1.0, 80.0), row("a_source_whose_name_needs_a_wide_legend/slow_and_poor", 99.0, 60.0)]
    runs = [make_run("one", first), make_run("two", hidden, environment_id="e2", device="another")]
    figure = make_panels(grouped(load_runs(runs).rows), ["first", "second"])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    inside = axes.get_window_extent()
    names = [text for text in axes.texts if text.get_text().startswith("a_rather")]
    assert len(names) >= 3
    assert all(text.get_window_extent().x0 >= inside.x0 - 1 for text in names)


def test_another_suffix_is_refused(two_runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"'\.gif' is not a picture format"):
        draw_panels(load_runs(two_runs), tmp_path / "figure.gif")


def test_rows_without_accuracy_cannot_be_drawn(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("one", [{"model": "onnx/mine", "latency_median_ms": 5.0}])
    with pytest.raises(PictureError, match="nothing to draw"):
        draw_panels(load_runs([run]), tmp_path / "figure.svg")
