"""Shards of images, evaluated and put together, are the evaluation of all images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from foundation.digests import file_sha256
from harness.__main__ import main
from harness.errors import MergeError
from harness.merging.merge import merge
from harness.records.run_info import load_run_info
from tests.fakes.classifiers import CLASSES, RESOLUTION, classifier, picture

NOT_FIGURES = ["accuracy_evaluated_at", "run_seed"]
"""Columns that tell one run of the same command from another."""


def evaluate_into(place: Path, images: Path, name: str, *options: str, expected: int = 0) -> Path:
    """Runs `accuracy` on two networks, one of them three images at a time, into a folder of its own."""
    files = [word for network in ("net", "other") for word in ("--onnx", str(images.parent / f"{network}.onnx"))]
    places = ["--output", str(place / name), "--cache-dir", str(images.parent / "cache"), "--threads", "1"]
    assert main(["accuracy", "--images", str(images), "--memory", "64", *files, *places, *options]) == expected
    return place / name


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, two networks, and all three shards of their evaluation."""
    folder = tmp_path_factory.mktemp("begun")
    for label in range(CLASSES):
        (folder / "images" / f"class{label:02d}").mkdir(parents=True)
        for number in range(6):
            picture_of = Image.fromarray(picture(100 * label + number, 20, 18))
            picture_of.save(folder / "images" / f"class{label:02d}" / f"{label:02d}_{number:03d}.png")
    (folder / "images" / "class00" / "00_000.png").write_bytes(b"<html>")
    (folder / "images" / "class03" / "03_002.png").write_bytes(b"")
    (folder / "net.onnx").write_bytes(classifier(CLASSES, 1, RESOLUTION, 0, 1.0).SerializeToString())
    (folder / "other.onnx").write_bytes(classifier(CLASSES, 3, RESOLUTION, 1, 1.0).SerializeToString())
    for number in (1, 2, 3):
        evaluate_into(folder, folder / "images", f"shard{number}", "--shard", f"{number}/3")
    return folder


@pytest.fixture
def evaluate(begun: Path, tmp_path: Path):
    """Runs `accuracy` into a folder of its own."""
    return lambda name, *options, expected=0: evaluate_into(
        tmp_path, begun / "images", name, *options, expected=expected
    )


@pytest.fixture
def shards(begun: Path, tmp_path: Path) -> list[Path]:
    return [shutil.copytree(begun / f"shard{number}", tmp_path / f"shard{number}") for number in (1, 2, 3)]


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "results.csv", keep_default_na=False, dtype=str)


def test_the_whole_is_equal_in_every_figure(evaluate, shards, tmp_path):
    alone = evaluate("alone")
    # The order in which the folders are given changes nothing.
    for folders in (shards, shards[::-1]):
        whole = tmp_path / f"whole{folders[0].name}"
        merge(folders, whole)
        ours, theirs = rows(whole), rows(alone)
        assert set(ours.model) == set(theirs.model) == {"onnx/net", "onnx/other"}
        ours, theirs = (
            table.set_index("model").sort_index().drop(columns=[n for n in NOT_FIGURES if n in table])
            for table in (ours, theirs)
        )
        pd.testing.assert_frame_equal(ours, theirs)
        files = sorted(path.relative_to(alone) for path in alone.glob("accuracy/*/*") if path.name != "images.jsonl")
        assert [path.suffix for path in files].count(".parquet") == 2
        for file in files:
            assert file_sha256(whole / file) == file_sha256(alone / file)
        assert not list(whole.glob(".lock*"))


def test_the_whole_is_continued_and_has_nothing_left_to_do(evaluate, shards, tmp_path, capsys):
    merge(shards, tmp_path / "whole")
    before = rows(tmp_path / "whole")
    capsys.readouterr()
    evaluate("whole", "--resume")
    assert "[accuracy" not in capsys.readouterr().err
    pd.testing.assert_frame_equal(rows(tmp_path / "whole"), before)


def test_a_shard_says_that_it_is_one(shards):
    told = rows(shards[1]).warnings
    assert all("on shard 2/3 of the images" in text for text in told)
    counts = [int(rows(folder).accuracy_images_count[0]) for folder in shards]
    assert sum(counts) == 40
    assert all(counts)


def test_a_missing_shard_is_named(shards, tmp_path):
    with pytest.raises(MergeError, match=r"of the shards of images, 2/3 is missing: give all 3 folders"):
        merge([shards[0], shards[2]], tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
    assert not list(tmp_path.glob(".whole*"))


def test_one_machine_may_do_several_shards_in_one_folder(evaluate, shards, tmp_path):
    both = evaluate("both", "--shard", "1/3")
    evaluate("both", "--shard", "2/3")
    merge([both, shards[2]], tmp_path / "whole")
    assert set(rows(tmp_path / "whole").accuracy_images_count) == {"40"}


def test_a_shard_given_twice_counts_once(shards, tmp_path):
    copy = shutil.copytree(shards[0], tmp_path / "copy")
    merge([*shards, copy, shards[0]], tmp_path / "whole")
    assert set(rows(tmp_path / "whole").accuracy_images_count) == {"40"}


def test_other_contents_of_the_same_images_are_refused(begun, shards, tmp_path):
    images = shutil.copytree(begun, tmp_path / "others") / "images"
    held = json.loads(next(shards[0].glob("accuracy/*/shard.json")).read_text())["positions"]
    Image.new("RGB", (20, 20), "red").save(sorted(images.glob("*/*.png"))[held[-1]])
    again = evaluate_into(tmp_path, images, "again", "--shard", "1/3")
    with pytest.raises(MergeError, match=r"both of shard 1/3, have seen images of the same names and other contents"):
        merge([*shards, again], tmp_path / "whole")


def test_shards_of_other_sizes_are_refused(evaluate, shards, tmp_path):
    other = evaluate("half", "--shard", "1/2")
    with pytest.raises(MergeError, match=r"is a shard of .*: give the folders of one job"):
        merge([*shards, other], tmp_path / "whole")


def test_a_shard_that_has_not_ended_is_named(evaluate, shards, tmp_path):
    (path,) = shards[1].glob("accuracy/*/shard.json")
    record = json.loads(path.read_text())
    key = next(key for key in record["remarks"] if key.startswith("onnx/other"))
    del record["remarks"][key]
    path.write_text(json.dumps(record))
    with pytest.raises(MergeError, match=r"onnx/other has not seen shard 2/3 of images .*repeat the command in"):
        merge(shards, tmp_path / "whole")
    evaluate("shard2", "--shard", "2/3")
    merge(shards, tmp_path / "whole")


def test_more_shards_than_images(evaluate, capsys):
    evaluate("much", "--shard", "400/999", expected=2)
    assert "--shard 400/999: none of the 42 images is in it; give fewer shards" in capsys.readouterr().err


def test_all_shards_have_one_seed_and_the_whole_no_shard(shards, tmp_path):
    merge(shards, tmp_path / "whole")
    assert "shard" not in load_run_info(tmp_path / "whole").settings


def test_models_shared_out_have_each_seen_all_images(begun, tmp_path):
    """`run --images --shard`: the models are shared out, and the images are not."""
    images = begun / "images"

    def run(name: str, *options: str) -> Path:
        files = [word for network in ("net", "other") for word in ("--onnx", str(begun / f"{network}.onnx"))]
        places = ["--output", str(tmp_path / name), "--cache-dir", str(begun / "cache"), "--threads", "1"]
        quick = ["--rounds", "1", "--block-ms", "2", "--block-groups", "1"]
        assert main(["run", *files, "--images", str(images), "--memory", "64", *quick, *places, *options]) == 0
        return tmp_path / name

    alone, *parts = run("alone"), run("one", "--shard", "1/2"), run("two", "--shard", "2/2")
    merge(parts, tmp_path / "whole", 1e6)
    columns = [name for name in rows(alone) if name.startswith("accuracy") and name not in NOT_FIGURES]
    ours, theirs = (rows(folder).set_index("model").sort_index()[columns] for folder in (tmp_path / "whole", alone))
    pd.testing.assert_frame_equal(ours, theirs)
    assert set(ours.accuracy_images_count) == {"40"}
    for file in alone.glob("accuracy/*/*.parquet"):
        assert file_sha256(tmp_path / "whole" / file.relative_to(alone)) == file_sha256(file)
    # Other contents of the same images are refused here, too.
    record = next(parts[1].glob("accuracy/*/images.jsonl"))
    record.write_text(record.read_text().replace('["', '["0000', 1))
    with pytest.raises(MergeError, match=r"images.jsonl differs from the file of that name in another folder"):
        merge(parts, tmp_path / "again", 1e6)


def test_an_evaluation_comes_beside_an_earlier_run(begun, shards, tmp_path):
    files = [word for network in ("net", "other") for word in ("--onnx", str(begun / f"{network}.onnx"))]
    places = ["--output", str(tmp_path / "timed"), "--cache-dir", str(begun / "cache"), "--threads", "1"]
    assert main(["run", *files, "--rounds", "1", "--block-ms", "2", "--block-groups", "1", *places]) == 0
    merge([tmp_path / "timed", *shards], tmp_path / "whole")
    whole = rows(tmp_path / "whole")
    assert set(whole.status) == {"ok"}
    assert set(whole.accuracy_images_count) == {"40"}
    assert list(whole.latency_median_ms) == list(rows(tmp_path / "timed").latency_median_ms)
    assert load_run_info(tmp_path / "whole").settings["timing"]["block_ms"] == 2


def test_another_backend_of_the_same_machine_is_another_environment(begun, shards, tmp_path):
    files = ["--onnx", str(begun / "net.onnx"), "--backend", "openvino"]
    places = ["--output", str(tmp_path / "openvino"), "--cache-dir", str(begun / "cache"), "--threads", "1"]
    assert main(["run", *files, "--rounds", "1", "--block-ms", "2", "--block-groups", "1", *places]) == 0
    merge([*shards, tmp_path / "openvino"], tmp_path / "whole")
    info = load_run_info(tmp_path / "whole")
    assert set(info.by_backend) == {"onnxruntime", "openvino"}
    assert len({one.environment_id for one in info.by_backend.values()}) == 2
    assert len(rows(tmp_path / "whole")) == 3
    facts = json.loads((tmp_path / "openvino" / "run.json").read_text())
    facts["environment"]["cpu_model"] = "another"
    (tmp_path / "openvino" / "run.json").write_text(json.dumps(facts))
    with pytest.raises(MergeError, match=r"different environments .*'another'"):
        merge([*shards, tmp_path / "openvino"], tmp_path / "again")
