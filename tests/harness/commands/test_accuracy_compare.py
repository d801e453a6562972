from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.__main__ import main
from harness.accuracy.predictions import read_predictions, write_predictions
from harness.comparison.variants import compare_variants, read_evaluated, variants_of_one_run, variants_of_two_runs


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
        ("4", "2"), ("4", "1"), ("2", "1"),
    }  # fmt: skip
    assert all(one["adjusted_p"] >= one["difference"]["p_value"] for one in found)
    assert "any false alarm among all pairs at most 5 %" in capsys.readouterr().out


def test_a_worse_variant_sets_the_exit_code(evaluated, capsys):
    """One that predicts every label, and one that guesses."""
    base = evaluated("base")
    (one,) = read_evaluated(base)
    path = one.predictions
    table = read_predictions(path)
    perfect = table.top.copy()
    perfect[:, 0] = table.labels
    write_predictions(path, type(table)(table.names, table.labels, perfect, table.readable, table.identity))
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
