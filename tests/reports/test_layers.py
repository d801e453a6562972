"""The picture and the text of a profile: what is in them, and that they are the same for the same rows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pandas
import pytest

from harness.backends.layers import LayerTime
from harness.records.profile_table import layer_rows, load_layers, write_layers
from reports.kinds import balance, doubts, kinds, setting
from reports.layer_text import render, shortened

FACTS: dict[str, Any] = {
    "model": "source/model",
    "backend": "onnxruntime",
    "precision_asked": "fp32",
    "precision_effective": "fp32",
    "batch": 1,
    "inferences": 50,
    "latency_median_ms": 8.0,
    "latency_kind": "host",
    "foreign_cores": 0.01,
    "disturbances": "",
    "runtime": "onnxruntime 1.30.0",
    "provider": "CPUExecutionProvider",
    "device": "a processor, 2 threads",
    "environment_id": "0123456789ab",
    "artifact_sha256": "0" * 64,
    "measured_at": "2026-01-31T12:00:00+00:00",
}
LAYERS = (
    LayerTime(0, "stem", "Conv", "fp32", 1.0, "3x3", "3x8x8 > 32x4x4"),
    LayerTime(1, "deep", "Conv", "fp32", 2.0, "3x3 depthwise", "32x4x4 > 32x4x4"),
    LayerTime(2, "wide", "Conv", "fp32", 5.0, "3x3", "32x4x4 > 64x4x4"),
    LayerTime(3, "sum", "Add", "fp32", 2.0, "", "64x4x4 > 64x4x4"),
)


def profile(tmp_path: Path, layers: tuple[LayerTime, ...] = LAYERS, **facts: Any) -> pandas.DataFrame:
    path = tmp_path / "layers.csv"
    write_layers(path, layer_rows(layers, {**FACTS, **facts}))
    return load_layers(path)


def test_kinds_gather_layers_by_type_and_variant(tmp_path: Path) -> None:
    found = kinds(profile(tmp_path))
    assert found.index.to_list() == ["Conv 3x3", "Conv 3x3 depthwise", "Add"]
    assert found["layers"].to_list() == [2, 1, 1]
    assert found["time_ms"].to_list() == [6, 2, 2]
    assert found["share_percent"].to_list() == pytest.approx([60, 20, 20])


def test_a_layer_without_a_kind_has_one(tmp_path: Path) -> None:
    assert kinds(profile(tmp_path, (LayerTime(0, "a", "", "", 1.0),))).index.to_list() == ["unknown"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            {},
            "4 layers add up to 10.0 ms. An inference without the profiler: 8.00 ms, so the profile is 25.0 % above",
        ),
        ({"latency_median_ms": 12.5}, "so the profile is 20.0 % below it."),
        ({"latency_kind": "gpu_compute"}, "GPU compute time of an inference without the profiler: 8.00 ms"),
    ],
)
def test_the_sum_stands_beside_the_latency_without_the_profiler(
    facts: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    assert expected in balance(profile(tmp_path, **facts))


def test_one_layer_is_not_a_sum(tmp_path: Path) -> None:
    assert balance(profile(tmp_path, LAYERS[:1])).startswith("1 layer takes 1.00 ms.")


def test_disturbances_are_reported_with_what_to_do(tmp_path: Path) -> None:
    assert doubts(profile(tmp_path)) == ""
    told = doubts(profile(tmp_path, disturbances="thermal throttling", foreign_cores=0.52))
    assert "thermal throttling; others used 0.5 cores" in told
    assert "profile again" in told


def test_the_text_has_the_setting_the_kinds_and_the_longest_layers(tmp_path: Path) -> None:
    rows = profile(tmp_path, tuple(LayerTime(i, f"layer{i}", f"Kind{i}", "fp32", 1.0 + i) for i in range(20)))
    text = render(rows)
    assert text.startswith("source/model: onnxruntime 1.30.0 (CPUExecutionProvider), fp32, batch 1, a processor, 2 ")
    kind_lines, layer_lines = (part.splitlines()[1:] for part in text.split("\n\n")[1:])
    assert kind_lines[0].split() == ["Kind19", "1", "20.0", "9.5"]
    assert layer_lines[0].split() == ["1", "19", "Kind19", "20.0", "9.5", "9.5", "layer19"]
    assert len(kind_lines) == len(layer_lines) == 10


def test_long_names_keep_their_beginning_and_end() -> None:
    assert shortened("short", 5) == "short"
    name = shortened("beginning" + "x" * 50 + "end", 20)
    assert len(name) == 20
    assert name.startswith("begin")
    assert name.endswith("end")
    assert "..." in name


def test_the_setting_has_what_a_reader_must_know(tmp_path: Path) -> None:
    words = setting(profile(tmp_path, batch=8, precision_effective="fp16+fp32"))
    assert all(word in words for word in ("onnxruntime 1.30.0", "fp16+fp32", "batch 8", "2 threads", "2026-01-31"))


class TestPicture:
    """What is drawn."""

    @pytest.fixture(autouse=True)
    def _needs_matplotlib(self) -> None:
        pytest.importorskip("matplotlib", reason="pictures need the extra `report`")

    @staticmethod
    def texts(rows: pandas.DataFrame, top: int = 15) -> list[str]:
        from reports.layers import make_figure

        figure = make_figure(rows, top)
        found = [text.get_text() for axes in figure.axes for text in axes.texts]
        found += [axes.get_title(loc=side) for axes in figure.axes for side in ("left", "right")]
        legend = figure.axes[0].get_legend()
        assert legend
        return found + [text.get_text() for text in legend.get_texts()]

    def test_both_formats_are_written_and_the_svg_is_the_same_each_time(self, tmp_path: Path) -> None:
        from reports.layers import draw_layers

        rows = profile(tmp_path)
        first, second, png = tmp_path / "1.svg", tmp_path / "2.svg", tmp_path / "1.png"
        draw_layers(rows, [first, png])
        draw_layers(rows, [second])
        assert first.read_bytes() == second.read_bytes()
        assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")

    def test_it_says_what_was_profiled_and_what_takes_the_time(self, tmp_path: Path) -> None:
        rows = profile(tmp_path)
        texts = self.texts(rows)
        assert "source/model in fp32 on onnxruntime: where the time goes" in texts
        assert {setting(rows), balance(rows)} <= set(texts)
        assert {"Conv 3x3: 60.0 %", "Conv 3x3 depthwise: 20.0 %", "Add: 20.0 %", "60 %"} <= set(texts)
        assert {"Conv 3x3  32x4x4 \u2192 64x4x4", "layer 2: wide", "50.0 %,  5.00 ms"} <= set(texts)
        assert "All layers, the longest first" in texts

    def test_what_is_not_drawn_is_counted(self, tmp_path: Path) -> None:
        texts = self.texts(profile(tmp_path), top=1)
        assert {"The longest layer", "the other 3: 50.0 %,  5.00 ms"} <= set(texts)
        assert "layer 0: stem" not in texts

    def test_rare_kinds_are_one_grey_kind(self, tmp_path: Path) -> None:
        layers = tuple(LayerTime(i, f"layer{i}", f"Kind{i}", "fp32", 10.0 - i) for i in range(10))
        assert "3 other kinds: 10.9 %" in self.texts(profile(tmp_path, layers))

    def test_the_strips_span_the_whole_time(self, tmp_path: Path) -> None:
        from matplotlib.patches import Rectangle

        from reports.layers import make_figure

        strips = make_figure(profile(tmp_path)).axes[0]
        rectangles = [patch for patch in strips.patches if isinstance(patch, Rectangle)]
        for middle in (0.0, 1.0):
            row = [one for one in rectangles if one.get_y() < middle < one.get_y() + one.get_height()]
            assert sum(one.get_width() for one in row) == pytest.approx(100)
        executed = [one.get_width() for one in rectangles if one.get_y() < 0]
        assert executed == pytest.approx([10, 20, 50, 20])

    def test_precision_is_shown_if_it_differs(self, tmp_path: Path) -> None:
        mixed = (LayerTime(0, "a", "Conv", "fp16", 1.0), LayerTime(1, "b", "Softmax", "fp32", 1.0))
        assert {"Conv  fp16", "Softmax  fp32"} <= set(self.texts(profile(tmp_path, mixed)))
        assert "Conv 3x3  3x8x8 \u2192 32x4x4" in self.texts(profile(tmp_path))

    def test_disturbances_are_in_the_picture(self, tmp_path: Path) -> None:
        rows = profile(tmp_path, disturbances="thermal throttling")
        assert doubts(rows) in self.texts(rows)

    @pytest.mark.parametrize("count", [1, 2, 700])
    def test_nothing_leaves_the_paper(self, count: int, tmp_path: Path) -> None:
        from reports.layers import make_figure

        name = "/a/very/long/name/of/a/layer" * 8
        layers = tuple(LayerTime(i, name, "Conv", "fp32", 1.0, "3x3 depthwise", "1024x112x112 > 1024x112x112")
                       for i in range(count))  # fmt: skip
        figure = make_figure(profile(tmp_path, layers))
        figure.draw_without_rendering()
        for axes in figure.axes:
            for text in axes.texts:
                box = text.get_window_extent()
                assert figure.bbox.x0 <= box.x0
                assert box.x1 <= figure.bbox.x1
                assert figure.bbox.y0 <= box.y0
                assert box.y1 <= figure.bbox.y1

    def test_without_matplotlib_the_error_names_the_extra(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from reports.layers import draw_layers
        from reports.pictures import PictureError

        rows = profile(tmp_path)
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        with pytest.raises(PictureError, match=r"pip install 'baseline-zoo\[report\]'"):
            draw_layers(rows, [tmp_path / "1.svg"])
