"""The command line from outside: on real images, networks and run directories."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

from harness.__main__ import main
from harness.accuracy.predictions import read_predictions

QUICK = ["--rounds", "1", "--block-ms", "2", "--block-groups", "1"]


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    return ["--output", str(tmp_path / "results"), "--cache-dir", str(tmp_path / "cache"), "--threads", "1"]


@pytest.fixture
def rows(tmp_path: Path):
    def read() -> pd.DataFrame:
        return pd.read_csv(tmp_path / "results" / "results.csv", keep_default_na=False).set_index("model")

    return read


def accuracy(images: Path, *arguments: str) -> list[str]:
    return ["accuracy", "--images", str(images), "--memory", "64", *arguments]


def test_the_rows_have_the_accuracy_of_every_image(make_images, write_classifier, places, rows, tmp_path, capsys):
    folder = make_images()
    networks = ["--onnx", str(write_classifier()), "--onnx", str(write_classifier("other.onnx", seed=1))]
    assert main(accuracy(folder, *networks, *places)) == 0
    found = rows()
    files = list(tmp_path.glob("results/accuracy/images-*/onnx_*.parquet"))
    assert len(files) == 2
    for path in files:
        table = read_predictions(path)
        row = found.loc[table.identity["model"]]
        for guesses in (1, 5):
            share = 100 * table.right(guesses).mean()
            assert float(row[f"accuracy_measured_top{guesses}_percent"]) == pytest.approx(share, abs=1e-3)
        assert (row.accuracy_images_count, row.accuracy_unreadable_count) == (42, 0)
        assert row.accuracy_images_digest == table.identity["images_digest"]
        assert row.accuracy_measured_reason == ""
        assert row.status == "skipped"
    printed = capsys.readouterr()
    assert "2 rows with a measured accuracy" in printed.err
    assert "[accuracy 84/84] images 1 to 42 of 42, " in printed.err
    report = (tmp_path / "results" / "results.md").read_text()
    assert "### Accuracy measured with images" in report
    assert "onnx/other" in (tmp_path / "results" / "report.html").read_text()


def test_pandas_reads_the_predictions(make_images, write_classifier, places, tmp_path):
    main(accuracy(make_images(), "--onnx", str(write_classifier(classes=7)), *places))
    (path,) = tmp_path.glob("results/accuracy/*/*.parquet")
    frame = pyarrow.parquet.read_table(path).to_pandas()
    assert list(frame.columns) == ["image", "label", "readable", "top1", "top2", "top3", "top4", "top5"]
    assert frame["image"].is_unique
    assert frame["label"].tolist() == sorted(frame["label"])


def test_accuracy_stands_beside_the_latency_of_an_earlier_run(make_images, write_classifier, places, rows, tmp_path):
    network = ["--onnx", str(write_classifier())]
    assert main(["run", *network, *QUICK, *places]) == 0
    latency = rows().latency_median_ms["onnx/net"]
    assert main(accuracy(make_images(), *network, *places)) == 0
    row = rows().loc["onnx/net"]
    assert (row.status, row.latency_median_ms) == ("ok", latency)
    assert 0 <= float(row.accuracy_measured_top1_percent) <= 100
    settings = json.loads((tmp_path / "results" / "run.json").read_text())["settings"]
    assert settings["timing"]["block_ms"] == 2


def test_a_run_with_images_measures_both(make_images, write_classifier, places, rows, capsys):
    folder = make_images()
    command = ["run", "--onnx", str(write_classifier()), "--images", str(folder), *QUICK, *places]
    assert main(command) == 0
    row = rows().loc["onnx/net"]
    assert (row.status, row.accuracy_images_count) == ("ok", 42)
    assert "1 row ok\n1 row with a measured accuracy\n" in capsys.readouterr().err
    assert main(command) == 0
    assert "[accuracy" not in capsys.readouterr().err


def test_a_part_of_the_images(make_images, write_classifier, places, rows):
    folder = make_images()
    network = ["--onnx", str(write_classifier())]
    assert main(accuracy(folder, "--limit", "14", *network, *places)) == 0
    part = rows().loc["onnx/net"]
    assert part.accuracy_images_count == 14
    assert main(accuracy(folder, "--limit", "14", "--seed", "1", *network, *places)) == 0
    assert rows().loc["onnx/net"].accuracy_images_digest != part.accuracy_images_digest
    assert main(accuracy(folder, *network, *places)) == 0
    assert rows().loc["onnx/net"].accuracy_images_count == 42


def test_probe_weights_have_no_accuracy_and_say_why(make_images, places, rows, tmp_path, monkeypatch):
    """A model of the zoo whose conversion is in the cache already needs no framework here."""
    from harness.records.series import Series
    from harness.runs import prepare

    probe = Series(
        model="regnet/RegNetX-200MF", source="regnet", variant="RegNetX-200MF", backend="onnxruntime", precision="fp32",
        batch=1, resolution=224, classes=1000, weights="probe", artifact_path="model.onnx", artifact_sha256="0" * 64,
        artifact_mib=10.0,
    )  # fmt: skip
    monkeypatch.setattr(prepare, "convert_variants", lambda *_: [probe])
    command = accuracy(make_images(), "--models", "regnet/RegNetX-200MF", "--weights", "probe", *places)
    assert main(command) == 1
    row = rows().loc["regnet/RegNetX-200MF"]
    assert row.accuracy_measured_reason.startswith("probe weights know nothing")
    assert row.accuracy_measured_top1_percent == ""
    assert "probe weights know nothing" in (tmp_path / "results" / "results.md").read_text()


def test_labels_of_a_thousand_classes_for_a_network_of_ten(make_images, write_classifier, places, rows):
    folder = make_images(classes=2)
    for old, new in (("class00", "n01440764"), ("class01", "n01443537")):
        (folder / old).rename(folder / new)
    assert main(accuracy(folder, "--onnx", str(write_classifier(classes=10)), *places)) == 1
    assert "1,000-class labels (ImageNet) for a 10-class model" in rows().accuracy_measured_reason["onnx/net"]


def test_unreadable_images_are_counted_listed_and_warned_of(make_images, write_classifier, places, rows, capsys):
    folder = make_images()
    (folder / "class00" / "00_000.png").write_bytes(b"<html>")
    (folder / "class00" / "00_001.png").unlink()
    (folder / "class00" / "00_001.png").symlink_to("nowhere.png")
    assert main(accuracy(folder, "--onnx", str(write_classifier()), *places)) == 0
    row = rows().loc["onnx/net"]
    assert (row.accuracy_images_count, row.accuracy_unreadable_count) == (40, 2)
    said = capsys.readouterr().err
    assert "warning: 2 of 42 images gave no input and are left out of the accuracy: " in said
    assert "unreadable.csv" in said


def test_no_readable_image_is_no_accuracy(make_images, write_classifier, places, rows):
    folder = make_images(classes=7, per_class=1)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    assert main(accuracy(folder, "--onnx", str(write_classifier()), *places)) == 1
    assert rows().accuracy_measured_reason["onnx/net"] == "none of the 7 images can be read"


def test_four_classes_have_no_top5(make_images, write_classifier, places, rows):
    folder = make_images(classes=4)
    assert main(accuracy(folder, "--onnx", str(write_classifier(classes=4)), *places)) == 0
    row = rows().loc["onnx/net"]
    assert row.accuracy_measured_top1_percent != ""
    assert row.accuracy_measured_top5_percent == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limit", "0"], "--limit 0: give a number of at least 1"),
        (["--memory", "0"], "--memory 0: give a number of at least 1"),
        (["--decoders", "-1"], "--decoders -1: give a number of at least 1"),
        (["--ground-truth", "gone.txt"], "gone.txt"),
        (["--preprocessing", "resnest51"], "nearest: resnest/resnest50"),
        (["--resume"], "There is no run to resume"),
    ],
)
def test_a_bad_request_says_what_to_do(arguments, message, make_images, write_classifier, places, tmp_path, capsys):
    command = accuracy(make_images(), "--onnx", str(write_classifier()), *places, *arguments)
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "results" / "results.csv").exists()


@pytest.mark.parametrize("files", [{}, {"notes.txt": b"no image"}])
def test_no_images_are_refused_before_anything_is_converted(files, tmp_path, places, capsys):
    folder = tmp_path / "empty"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    assert main(accuracy(folder, "--models", "smoke", *places)) == 2
    assert str(folder) in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "results").exists()


def test_a_label_file_of_the_wrong_length(make_images, write_classifier, places, tmp_path, capsys):
    folder = tmp_path / "flat"
    folder.mkdir()
    for number, path in enumerate(make_images(classes=1).rglob("*.png"), start=1):
        path.rename(folder / f"ILSVRC2012_val_{number:08d}.JPEG")
    truth = tmp_path / "labels.txt"
    truth.write_text("n01440764\n" * 5)
    command = accuracy(folder, "--ground-truth", str(truth), "--onnx", str(write_classifier()), *places)
    assert main(command) == 2
    said = capsys.readouterr().err
    assert str(truth) in said
    assert "5 labels" in said
    assert "6 images" in said


def test_options_of_images_without_images(write_classifier, places, capsys):
    assert main(["run", "--onnx", str(write_classifier()), "--limit", "5", "--memory", "9", *places]) == 2
    assert "--limit, --memory: only used with --images DIR" in capsys.readouterr().err


def test_what_is_not_installed_is_reported(make_images, write_classifier, places, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(accuracy(make_images(), "--onnx", str(write_classifier()), *places)) == 2
    assert "measuring accuracy needs packages that are not installed: pip install pyarrow\n" in capsys.readouterr().err


def test_a_damaged_record_says_what_to_remove(make_images, write_classifier, places, tmp_path, capsys):
    command = accuracy(make_images(), "--onnx", str(write_classifier()), *places)
    assert main(command) == 0
    (tmp_path / "results" / "accuracy.jsonl").write_text('{"series": 1}\n')
    assert main(command) == 2
    assert "accuracy.jsonl is damaged" in capsys.readouterr().err


STEPS = "shorter side to 18 px (Pillow bilinear), centre 16 px, RGB, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"


def test_the_rows_say_how_the_inputs_were_made_and_by_what(
    make_images, write_classifier, places, rows, pretend_version, capsys
):
    """Another Pillow makes other pixels: what it evaluates is evaluated again, with a word about it."""
    command = accuracy(make_images(), "--onnx", str(write_classifier()), *places)
    pretend_version("libjpeg-turbo", "3.1.4.1")
    for version, said in (
        ("12.3.0", ""),
        ("13.0.0", "their pixels were made by Pillow 12.3.0, libjpeg-turbo 3.1.4.1,"),
    ):
        pretend_version("Pillow", version)
        assert main(command) == 0
        row = rows().iloc[0]
        assert row.accuracy_preprocessing == STEPS
        assert row.accuracy_pixels_by == f"Pillow {version}, libjpeg-turbo 3.1.4.1"
        told = [line for line in capsys.readouterr().err.splitlines() if "pixels" in line]
        assert len(told) == bool(said)
        assert all(said in line and "1 series evaluated again" in line for line in told)
