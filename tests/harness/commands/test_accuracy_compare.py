from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.__main__ import main
from harness.accuracy.predictions import read_predictions, write_predictions
from harness.comparison.variants import (
    EvaluatedSeries,
    compare_variants,
    read_evaluated,
    variants_of_one_run,
    variants_of_two_runs,
)


@pytest.fixture
def evaluated(make_images, write_classifier, tmp_path):
    """Evaluates a classifier of the name `net` into a run directory."""
    folder = make_images()

    def evaluate(output: str, *, images: Path = folder, arguments: tuple[str, ...] = (), **network: object) -> Path:
        path = write_classifier("net.onnx", **network)
        directory = tmp_path / output
        places = ["--output", str(directory), "--cache-dir", str(tmp_path / "cache"), "--threads", "1"]
        command = ["accuracy", "--images", str(images), "--onnx", str(path), "--memory", "64", *arguments, *places]
        assert main(command) == 0
        return directory

    return evaluate


def right(directory: Path, which: int = 0) -> np.ndarray:
    (one, *_) = read_evaluated(directory)[which:]
    return read_predictions(one.predictions).right(1)


def test_two_runs_are_compared_image_by_image(evaluated):
    base, new = evaluated("base", seed=0), evaluated("new", seed=1)
    pairs, alone = variants_of_two_runs(read_evaluated(base), read_evaluated(new))
    (found,) = compare_variants(pairs)
    assert alone == []
    assert found.difference is not None
    assert found.difference.images == 42
    assert found.difference.gained == int((right(new) & ~right(base)).sum())
    assert found.difference.lost == int((right(base) & ~right(new)).sum())
    assert found.adjusted_p == found.difference.p_value


def test_equal_runs_show_no_difference(evaluated, capsys):
    base, new = evaluated("base"), evaluated("new")
    assert main(["accuracy-compare", str(base), str(new)]) == 0
    printed = capsys.readouterr().out
    assert "no difference seen  onnx/net" in printed
    assert "+0.00 %" in printed
    assert "100.00 %" in printed


def test_variants_in_one_run_directory(evaluated, tmp_path, capsys):
    directory = evaluated("results", batch=1)
    evaluated("results", batch=2)
    evaluated("results", seed=3, batch=4)
    pairs = variants_of_one_run(read_evaluated(directory))
    assert len(pairs) == 3
    assert main(["accuracy-compare", str(directory), "--json", str(tmp_path / "out.json")]) in (0, 1)
    found = json.loads((tmp_path / "out.json").read_text())["pairs"]
    assert {(one["base"].split("batch ")[1], one["other"].split("batch ")[1]) for one in found} == {
        ("1", "2"), ("1", "4"), ("2", "4"),
    }  # fmt: skip
    assert all(one["adjusted_p"] >= one["difference"]["p_value"] for one in found)
    assert "any false alarm among all pairs at most 5 %" in capsys.readouterr().out


def test_a_worse_variant_sets_the_exit_code(evaluated, capsys):
    """One that predicts every label, and one that guesses."""
    base = evaluated("base")
    make_perfect(read_evaluated(base)[0])
    new = evaluated("new", seed=1)
    capsys.readouterr()
    assert main(["accuracy-compare", str(base), str(new)]) == 1
    assert capsys.readouterr().out.splitlines()[1].startswith("worse ")
    assert main(["accuracy-compare", str(new), str(base)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("better ")


def test_other_images_are_not_compared(evaluated, make_images, capsys):
    base, new = evaluated("base"), evaluated("new", arguments=("--limit", "14"))
    assert main(["accuracy-compare", str(base), str(new)]) == 3
    assert "different images (other names or labels)" in capsys.readouterr().out
    changed = make_images("changed")
    (changed / "class00" / "00_000.png").write_bytes((changed / "class01" / "01_000.png").read_bytes())
    third = evaluated("third", images=changed)
    assert main(["accuracy-compare", str(base), str(third)]) == 3
    assert "different images (other content)" in capsys.readouterr().out


def test_a_model_without_counterpart(evaluated, write_classifier, tmp_path, capsys):
    base = evaluated("base", batch=2)
    evaluated("base", batch=4)
    new = evaluated("new", batch=1)
    assert main(["accuracy-compare", str(base), str(new)]) == 3
    assert "the base has 2 series that it could be compared with" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["gone"], ["empty"]])
def test_a_directory_without_an_evaluation_is_refused(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    assert main(["accuracy-compare", *arguments]) == 2
    assert "no accuracy was measured there" in capsys.readouterr().err


def test_one_variant_is_nothing_to_compare(evaluated, capsys):
    directory = evaluated("base")
    assert main(["accuracy-compare", str(directory)]) == 2
    assert "has no model in two variants" in capsys.readouterr().err


def test_missing_predictions_are_reported(evaluated, capsys):
    base, new = evaluated("base"), evaluated("new")
    (one,) = read_evaluated(base)
    one.predictions.write_bytes(b"PAR1")
    assert main(["accuracy-compare", str(base), str(new)]) == 2
    assert "holds no predictions, or is damaged" in capsys.readouterr().err


def test_without_pyarrow_it_says_so(evaluated, monkeypatch, capsys):
    base, new = evaluated("base"), evaluated("new")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["accuracy-compare", str(base), str(new)]) == 2
    assert "pyarrow does not import here" in capsys.readouterr().err


SQUASH = """\
rule = "squash"
crop_px = 16
interpolation = "bicubic"
library = "pil"
channel_order = "RGB"
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"""


@pytest.fixture
def squash(tmp_path) -> tuple[str, str]:
    """The option of another preprocessing than that of user networks."""
    path = tmp_path / "squash.toml"
    path.write_text(SQUASH)
    return "--preprocessing", str(path)


def test_another_preprocessing_is_not_compared(evaluated, squash, capsys):
    base, new = evaluated("base"), evaluated("new", arguments=squash)
    capsys.readouterr()
    assert main(["accuracy-compare", str(base), str(new)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("preprocessing: differs in 1 pair;")
    assert lines[1].startswith("  base:  shorter side to 18 px (Pillow bilinear), centre 16 px, RGB, mean ")
    assert lines[2].startswith("  other: both sides to 16 px (Pillow bicubic), RGB, mean ")
    (line,) = [line for line in lines if line.startswith("not compared")]
    assert "the preprocessing differs" in line


def test_another_preprocessing_is_compared_on_request_and_the_line_says_so(evaluated, squash, tmp_path, capsys):
    base, new = evaluated("base"), evaluated("new", seed=1, arguments=squash)
    capsys.readouterr()
    asked = ["accuracy-compare", str(base), str(new), "--across-preprocessing", "--json", str(tmp_path / "out.json")]
    assert main(asked) in (0, 1)
    printed = capsys.readouterr().out
    assert printed.startswith("preprocessing: differs in 1 pair;")
    (line,) = [line for line in printed.splitlines() if "onnx/net" in line]
    assert line.endswith("preprocessing")
    (one,) = json.loads((tmp_path / "out.json").read_text())["pairs"]
    assert one["difference"]["images"] == 42
    assert [condition["name"] for condition in one["conditions"]] == ["preprocessing"]


def test_the_same_preprocessing_in_other_figures_is_the_same(evaluated, squash, capsys):
    """0 and 0.0 have different digests in the stored predictions."""
    path = Path(squash[1])
    path.write_text(SQUASH.replace("[0.485, 0.456, 0.406]", "[0, 0, 0]"))
    base = evaluated("base", arguments=squash)
    path.write_text(SQUASH.replace("[0.485, 0.456, 0.406]", "[0.0, 0.0, 0.0]"))
    assert main(["accuracy-compare", str(base), str(evaluated("new", arguments=squash))]) == 0


def test_other_pixel_libraries_are_said_before_the_table_and_on_the_line(evaluated, pretend_version, capsys):
    pretend_version("libjpeg-turbo", "3.1.4.1")
    pretend_version("Pillow", "12.3.0")
    base = evaluated("base")
    pretend_version("Pillow", "13.0.0")
    new = evaluated("new")
    capsys.readouterr()
    assert main(["accuracy-compare", str(base), str(new)]) == 0
    printed = capsys.readouterr().out
    first, *sides = printed.split("\n\n")[0].splitlines()
    assert first.startswith("pixel libraries: differs in 1 pair;")
    assert sides == ["  base:  Pillow 12.3.0, libjpeg-turbo 3.1.4.1", "  other: Pillow 13.0.0, libjpeg-turbo 3.1.4.1"]
    (line,) = [line for line in printed.splitlines() if "onnx/net" in line]
    assert line.endswith("pixel libraries")


def test_pixel_libraries_that_an_older_version_did_not_record_are_unknown(evaluated, capsys):
    base, new = evaluated("base"), evaluated("new")
    path = base / "accuracy.jsonl"
    entry = json.loads(path.read_text())
    del entry["result"]["preprocessing"], entry["result"]["pixels_by"]
    path.write_text(json.dumps(entry) + "\n")
    capsys.readouterr()
    assert main(["accuracy-compare", str(base), str(new)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("pixel libraries: may differ in 1 pair;")
    assert "  base:  unknown (an older version did not record it)\n  other: Pillow" in printed
    (line,) = [line for line in printed.splitlines() if "onnx/net" in line]
    assert line.endswith("pixel libraries unknown")


def make_perfect(one: EvaluatedSeries) -> None:
    """Has the series predict every label."""
    table = read_predictions(one.predictions)
    top = table.top.copy()
    top[:, 0] = table.labels
    write_predictions(one.predictions, dataclasses.replace(table, top=top))


def call_int8(directory: Path, batch: int) -> None:
    """Has the series of a batch be one of an INT8 artifact."""
    series = json.loads((directory / "series.json").read_text())
    (one,) = [facts for facts in series if facts["batch"] == batch]
    one["precision"] = "int8"
    (directory / "series.json").write_text(json.dumps(series))
    journal = directory / "accuracy.jsonl"
    journal.write_text(journal.read_text().replace(f"|fp32|b{batch}", f"|int8|b{batch}"))


@pytest.mark.parametrize("batches", [(1, 2), (2, 1)])
def test_fp32_is_the_base_whatever_was_measured_first(batches, evaluated, capsys):
    """INT8's loss is worse, and ends with 1."""
    for batch in batches:
        directory = evaluated("results", batch=batch)
    call_int8(directory, batches[-1])
    (exact,) = [one for one in read_evaluated(directory) if one.facts.precision == "fp32"]
    make_perfect(exact)
    capsys.readouterr()
    assert main(["accuracy-compare", str(directory)]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "onnx/net" in line]
    assert line.startswith("worse ")
    assert line.index("fp32, ") < line.index("int8, ")


def test_in_two_runs_the_first_is_the_base_whatever_its_precision(evaluated, capsys):
    base, new = evaluated("base"), evaluated("new")
    call_int8(base, 1)
    make_perfect(read_evaluated(new)[0])
    capsys.readouterr()
    assert main(["accuracy-compare", str(base), str(new)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "onnx/net" in line]
    assert line.startswith("better ")
    assert line.index("int8, ") < line.index("fp32, ")
