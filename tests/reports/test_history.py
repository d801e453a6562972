"""The picture of a history: what is drawn, and what cannot be."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from harness.history.change_points import ChangePoint
from harness.history.timeline import Era, Point, Timeline
from harness.records.reader import SeriesKey
from reports.history import PANELS_MAX, draw_history, make_figure
from reports.pictures import PictureError

pytest.importorskip("matplotlib")

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)


def point(day: int, ratio: float | None, trials: int = 5) -> Point:
    at = (START + datetime.timedelta(days=day)).isoformat()
    if ratio is None:
        return Point(at, "", "failed", "reason", "", "")
    return Point(at, "", "ok", "", "", "", trials, 4 * ratio, ratio, ratio - 0.01, ratio + 0.02)


def era(first_day: int, ratios: list[float | None], name: str = "aa", change: int | None = None) -> Era:
    points = tuple(point(day, ratio) for day, ratio in enumerate(ratios, first_day))
    changes = () if change is None else (ChangePoint(change, 10.0, 9.0, 11.0, 0.001),)
    return Era(name, "a processor", (), points, "ratio", changes)


def timeline(*eras: Era, model: str = "ofa/a") -> Timeline:
    return Timeline(SeriesKey(model, "onnxruntime", "fp32", "1"), eras)


def test_levels_changes_and_environments_are_drawn() -> None:
    first = era(0, [1.0, 1.0, None, 1.1, 1.1], change=2)
    figure = make_figure([timeline(first, era(10, [1.3, 1.3], "bb"))])
    [axes] = figure.axes
    day = START.timestamp() / 86_400
    # A solid line at the change, which is the run after the failed one, and a dashed one at the new environment.
    verticals = {line.get_xdata()[0] - day: line.get_linestyle() for line in axes.lines}
    assert verticals == {3: "-", 10: "--"}
    levels = sorted(
        tuple(segment[0][1] for segment in collection.get_segments())
        for collection in axes.collections
        if hasattr(collection, "get_segments") and len(collection.get_segments()) == 1
    )
    assert levels == [(1.0,), (1.1,), (1.3,)]
    assert [text.get_text() for text in axes.texts] == ["+10.0 %"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["environment aa", "environment bb"]


def test_an_interval_of_two_trials_is_not_drawn() -> None:
    points = (point(0, 1.0, trials=2), point(1, 1.0, trials=3))
    [axes] = make_figure([timeline(Era("aa", "", (), points, "ratio", ()))]).axes
    whiskers = next(one for one in axes.collections if hasattr(one, "get_segments") and len(one.get_segments()) == 2)
    heights = [segment[1][1] - segment[0][1] for segment in whiskers.get_segments()]
    assert heights == pytest.approx([0.0, 0.03])


def test_a_latency_is_drawn_if_there_is_no_ratio() -> None:
    bare = Point(START.isoformat(), "", "ok", "", "", "", 3, 5.0)
    [axes] = make_figure([timeline(Era("aa", "", (), (bare,), "latency", ()))]).axes
    assert axes.get_ylabel() == "latency, ms"


def test_every_series_has_a_panel_and_failed_ones_none(tmp_path: Path) -> None:
    found = [timeline(era(0, [1.0]), model=f"ofa/{name}") for name in "ab"]
    draw_history([*found, timeline(era(0, [None]), model="ofa/c")], [tmp_path / "a.svg"])
    text = (tmp_path / "a.svg").read_text()
    assert text.count('<g id="axes_') == 2


def test_nothing_to_draw_and_too_much_are_reported(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="nothing to draw"):
        draw_history([timeline(era(0, [None]))], [tmp_path / "a.svg"])
    with pytest.raises(PictureError, match=f"{PANELS_MAX + 1} series are too many"):
        draw_history([timeline(era(0, [1.0]))] * (PANELS_MAX + 1), [tmp_path / "a.svg"])
