"""The picture: what is in it, and that it is the same for the same rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `report`")

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.transforms import Bbox

from reports.frontier import draw, drawable, make_figure, sources_of
from reports.groups import Group, grouped
from reports.pictures import COLOURS, PictureError
from reports.training import ANY

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _row(model: str, latency_ms: float, published: float | None = None, **values: Any) -> dict[str, Any]:
    return {
        "model": model,
        "latency_median_ms": latency_ms,
        "accuracy_published_top1_percent": published,
        **values,
    }


@pytest.fixture
def group(make_rows: MakeRows) -> Group:
    rows = [
        _row("a/fast", 2.0, 70.0, latency_low_ms=1.9, latency_high_ms=2.2),
        _row("a/beaten", 9.0, 69.0),
        _row("b/good", 10.0, 80.0, latency_low_ms=9.5, latency_high_ms=10.5),
        _row("onnx/mine", 1.0),
        _row("lanet/ten", 0.5, 98.0, classes=10),
    ]
    return grouped(make_rows(rows))[0]


def _texts(group: Group) -> list[str]:
    axes = make_figure(group, "the environment").axes[0]
    legend = axes.get_legend()
    assert legend
    return [text.get_text() for text in (*axes.texts, *legend.get_texts(), axes.title, axes.xaxis.label)] + [
        axes.get_title(loc="left"),
        axes.get_ylabel(),
    ]


def test_both_formats_are_written_and_the_svg_is_the_same_each_time(group: Group, tmp_path: Path) -> None:
    first, second, png = tmp_path / "1.svg", tmp_path / "2.svg", tmp_path / "1.png"
    draw(group, "the environment", [first, png])
    draw(group, "the environment", [second])
    assert first.read_bytes() == second.read_bytes()
    assert png.read_bytes().startswith(PNG_SIGNATURE)


def test_it_names_the_frontier_the_sources_and_the_environment(group: Group) -> None:
    texts = _texts(group)
    assert {"fast", "good", "frontier", "a", "b", "the environment"} <= set(texts)
    assert not {"beaten", "ten", "onnx", "lanet"} & set(texts)
    assert "Latency against accuracy: 3 networks, batch 1" in texts
    assert "Latency (host time of one inference), ms" in texts


def test_a_long_caption_takes_no_width_from_the_picture(group: Group) -> None:
    widths = []
    for caption in ("short", "a very long name of a processor and its runtime, " * 6):
        figure = make_figure(group, caption)
        figure.draw_without_rendering()
        widths.append(figure.axes[0].get_position().width)
        captions = [text for text in figure.axes[0].texts if text.get_text().startswith(caption[:5])]
        assert captions[0].get_window_extent().x1 <= figure.bbox.x1
    assert widths[0] == pytest.approx(widths[1], rel=0.02)


def test_latency_is_on_a_log_axis_with_plain_numbers(group: Group) -> None:
    axes = make_figure(group, "").axes[0]
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(2.0, 0) == "2"


def _whisker_ends(group: Group) -> set[tuple[float, ...]]:
    return {
        tuple(round(float(x), 6) for x in segment[:, 0])
        for collection in make_figure(group, "").axes[0].collections
        if hasattr(collection, "get_segments")
        for segment in collection.get_segments()
    }


def test_whiskers_are_the_intervals(group: Group) -> None:
    assert {(1.9, 2.2), (9.5, 10.5)} <= _whisker_ends(group)


def test_an_interval_of_two_trials_is_not_drawn(make_rows: MakeRows) -> None:
    rows = [_row(f"a/{n}", 1.0, 75.0, latency_low_ms=0.1, latency_high_ms=9.0, trials_count=n) for n in (2, 3)]
    two, three = (grouped(make_rows([row]))[0] for row in rows)
    assert (0.1, 9.0) not in _whisker_ends(two)
    assert (0.1, 9.0) in _whisker_ends(three)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("latency_ms", [0.00023437, 3.5, 50_000.0])
@pytest.mark.parametrize("interval", [{}, {"latency_low_ms": 0.0001, "latency_high_ms": 90_000.0}])
def test_a_single_network_has_room_and_no_warning(
    make_rows: MakeRows, latency_ms: float, interval: dict[str, float]
) -> None:
    axes = make_figure(grouped(make_rows([_row("a/x", latency_ms, 75.0, **interval)]))[0], "").axes[0]
    low, high = axes.get_xlim()
    assert low < min(latency_ms, *interval.values(), 1e9) <= max(latency_ms, *interval.values(), 0) < high


@pytest.mark.filterwarnings("error")
def test_a_single_point_beside_a_tick_gives_no_warning(make_rows: MakeRows) -> None:
    rows = make_rows([_row("a/x", 0.00023437, 75.0), _row("a/y", 3.0)])
    low, high = make_figure(grouped(rows)[0], "").axes[0].get_xlim()
    assert low < 0.00023437
    assert high > 3.0


@pytest.mark.parametrize(
    ("measured", "label"),
    [
        ([None, None], "Published top-1 accuracy, %"),
        ([74.0, 79.0], "Measured top-1 accuracy, %"),
        ([74.0, None], "Top-1 accuracy (measured, else published), %"),
    ],
)
def test_the_axis_says_which_accuracy_it_is(make_rows: MakeRows, measured: list[float | None], label: str) -> None:
    rows = make_rows(
        [_row(f"a/{i}", 1.0 + i, 75.0 + i, accuracy_measured_top1_percent=m) for i, m in enumerate(measured)]
    )
    assert make_figure(grouped(rows)[0], "").axes[0].get_ylabel() == label


def test_models_in_two_precisions_are_distinguished(make_rows: MakeRows) -> None:
    rows = [_row("a/x", 4.0, 75.0), _row("a/y", 2.0, accuracy_measured_top1_percent=74.5, precision="fp16")]
    assert {"x fp32", "y fp16"} <= set(_texts(grouped(make_rows(rows))[0]))


def test_two_artifacts_of_one_model_are_distinguished(make_rows: MakeRows) -> None:
    exporters = ("torch.onnx.export dynamo 2.14.1", "torch.onnx.export torchscript 2.14.1")
    rows = [_row("a/x", 4.0 - i, 75.0 - i, exporter=name, artifact_sha256=name) for i, name in enumerate(exporters)]
    assert {"x dynamo 2.14.1", "x torchscript 2.14.1"} <= set(_texts(grouped(make_rows(rows))[0]))


def test_a_user_network_is_named_though_others_dominate_it(make_rows: MakeRows) -> None:
    rows = [_row("a/good", 2.0, 80.0), _row("a/beaten", 3.0, 70.0)]
    own = [_row("own/pkg.nets:build", 4.0, accuracy_measured_top1_percent=75.0, weights="own")]
    texts = _texts(grouped(make_rows([*rows, *own]))[0])
    assert {"good", "build"} <= set(texts)
    assert "beaten" not in texts


def _legend_and_points(rows: pandas.DataFrame) -> tuple[Bbox, npt.NDArray[np.float64]]:
    (group,) = grouped(rows)
    figure = make_figure(group, "")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend
    points = group.comparable[["latency_median_ms", "accuracy_percent"]].to_numpy()
    return legend.get_window_extent(), axes.transData.transform(points)


def test_the_legend_hides_no_point(make_rows: MakeRows) -> None:
    rows = [_row("a/good", 2.0, 80.0), _row("b/slow_and_poor", 90.0, 60.0), _row("b/slower_and_poor", 99.0, 60.5)]
    box, points = _legend_and_points(make_rows(rows))
    assert not any(box.contains(*point) for point in points)


@pytest.fixture
def mixed(make_rows: MakeRows) -> pandas.DataFrame:
    """Networks of the usual data, one that saw more, and three of which only the latency is known."""

    def row(model: str, latency_ms: float, published: float | None, data: str = "ImageNet-1k") -> dict[str, Any]:
        return _row(model, latency_ms, published, accuracy_published_training_data=data)

    return make_rows(
        [
            row("a/fast", 2.0, 70.0),
            row("b/good", 10.0, 80.0),
            row("b/more", 12.0, 85.0, "ImageNet-1k + JFT-300M (unlabelled)"),
            row("aa/silent", 40.0, None),
            row("aa/silent_too", 60.0, None),
            row("onnx/mine", 0.5, None, ""),
        ]
    )


def _axes(rows: pandas.DataFrame) -> Axes:
    return make_figure(grouped(rows)[0], "").axes[0]


def _hollow_colours(axes: Axes) -> set[str]:
    """The outlines of points that are filled with paper."""
    return {
        to_hex(points.get_edgecolor()[0])
        for points in axes.collections
        if len(points.get_offsets()) and len(points.get_facecolor()) and to_hex(points.get_facecolor()[0]) == "#ffffff"
    }


def _line(axes: Axes) -> list[float]:
    (line,) = [line for line in axes.lines if str(line.get_label()).startswith("frontier")]
    return sorted({float(accuracy_percent) for accuracy_percent in line.get_ydata()})


def test_networks_that_saw_more_are_hollow_and_not_on_the_line(mixed: pandas.DataFrame) -> None:
    axes = _axes(mixed)
    assert _hollow_colours(axes) == {COLOURS[1].lower()}
    assert _line(axes) == [70.0, 80.0]
    texts = _texts(grouped(mixed)[0])
    assert {"frontier, ImageNet-1k alone", "fast", "good"} <= set(texts)
    assert "more" not in texts
    (hollow,) = [" ".join(text.split()) for text in texts if text.startswith("hollow")]
    assert hollow == "hollow: also saw JFT-300M (unlabelled)"


def test_the_line_among_all_takes_them_in_and_they_stay_hollow(mixed: pandas.DataFrame) -> None:
    (group,) = grouped(mixed, ANY)
    axes = make_figure(group, "").axes[0]
    assert _line(axes) == [70.0, 80.0, 85.0]
    assert _hollow_colours(axes) == {COLOURS[1].lower()}
    assert {"frontier, any training data", "more"} <= set(_texts(group))


def test_a_picture_without_a_network_of_the_usual_data_alone_has_no_line(make_rows: MakeRows) -> None:
    data = "ImageNet-1k + ImageNet-12k"
    (group,) = grouped(make_rows([_row("a/x", 2.0, 70.0, accuracy_published_training_data=data)]))
    assert drawable(group)
    axes = make_figure(group, "").axes[0]
    assert not [line for line in axes.lines if str(line.get_label()).startswith("frontier")]
    assert _hollow_colours(axes) == {COLOURS[0].lower()}


def _ticks(axes: Axes) -> dict[float, str]:
    """Colours of the ticks by their latency."""
    return {
        float(line.get_xdata()[0]): str(line.get_color())
        for line in axes.lines
        if str(line.get_gid()).startswith("tick")
    }


def test_networks_without_accuracy_are_ticks_and_take_no_colour_from_others(mixed: pandas.DataFrame) -> None:
    axes = _axes(mixed)
    assert sources_of(grouped(mixed)) == ["a", "b", "aa", "onnx"]
    assert _ticks(axes) == {40.0: COLOURS[2], 60.0: COLOURS[2], 0.5: COLOURS[3]}
    low, high = axes.get_xlim()
    assert low < 0.5
    assert high > 60.0
    texts = _texts(grouped(mixed)[0])
    assert {"aa (2 without accuracy)", "onnx (1 without accuracy)"} <= set(texts)
    # A user network is named without hovering too.
    assert "mine" in texts
    assert "silent" not in texts


def test_ticks_change_neither_the_frontier_nor_the_accuracy_axis(mixed: pandas.DataFrame) -> None:
    known = mixed[mixed["accuracy_published_top1_percent"].notna()]
    with_ticks, without = _axes(mixed), _axes(known)
    assert _line(with_ticks) == _line(without)
    assert with_ticks.get_ylim() == without.get_ylim()


def test_ticks_are_named_on_hover_in_the_svg(mixed: pandas.DataFrame, tmp_path: Path) -> None:
    draw(grouped(mixed)[0], "", [tmp_path / "1.svg"])
    draw(grouped(mixed)[0], "", [tmp_path / "2.svg"])
    svg = (tmp_path / "1.svg").read_text(encoding="utf-8")
    for named in ("silent: 40.00 ms, no accuracy", "silent_too: 60.00 ms, no accuracy", "mine: 0.5000 ms, no accuracy"):
        assert svg.count(f"<title>{named}</title>") == 1
    assert (tmp_path / "2.svg").read_text(encoding="utf-8") == svg


def test_the_legend_hides_no_tick(mixed: pandas.DataFrame) -> None:
    figure = make_figure(grouped(mixed)[0], "")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend
    ticks = [line.get_window_extent() for line in axes.lines if str(line.get_gid()).startswith("tick")]
    assert ticks
    assert not any(legend.get_window_extent().overlaps(tick) for tick in ticks)
    # There is room for it above the ticks.
    assert axes.get_window_extent().x1 >= legend.get_window_extent().x1


def test_what_has_no_room_is_listed_in_the_picture(make_rows: MakeRows) -> None:
    names = [f"a/{'x' * 60}{i}{'y' * 60}" for i in range(40)]
    rows = [_row(name, 2.0 + 0.001 * i, 70.0 + 0.001 * i) for i, name in enumerate(names)]
    figure = make_figure(grouped(make_rows(rows))[0], "")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (told,) = [text for text in axes.texts if text.get_text().startswith("no room to label")]
    assert told.get_window_extent().x1 <= axes.get_window_extent().x1


def test_without_matplotlib_the_error_names_the_extra(
    group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(PictureError, match=r"pip install 'baseline-zoo\[report\]'"):
        draw(group, "", [tmp_path / "1.svg"])


def test_rows_without_accuracy_cannot_be_drawn(make_rows: MakeRows, tmp_path: Path) -> None:
    group = grouped(make_rows([_row("onnx/mine", 1.0)]))[0]
    assert not drawable(group)
    with pytest.raises(PictureError, match="nothing to draw"):
        draw(group, "", [tmp_path / "1.svg"])
