from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from harness.accuracy.messages import Loaded
from harness.accuracy.predictions import read_identity, read_predictions, write_predictions
from harness.accuracy.records import IMAGES_NAME, ImageRecord, Predictions
from harness.accuracy.targets import EvaluationTarget, evaluation_target
from harness.datasets import open_images
from harness.errors import AccuracyError, StorageError
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.classifiers import series_of

TOP = np.arange(60).reshape(12, 5).astype(np.int32) % 7


def loaded(*digests: str, unreadable: dict[int, str] | None = None) -> Loaded:
    return Loaded([digest * 64 for digest in digests], unreadable or {}, 0.0)


@pytest.fixture
def images(make_images):
    return open_images(make_images(per_class=2, classes=6))


@pytest.fixture
def target(images, write_classifier, tmp_path) -> EvaluationTarget:
    series = series_of(write_classifier())
    found = evaluation_target(series, series.target(1, GpuSettings(), tmp_path), images, None)
    assert isinstance(found, EvaluationTarget)
    return found


def test_what_was_read_is_known_in_the_next_session(images, tmp_path):
    record = ImageRecord(tmp_path, images)
    record.add(0, loaded("a", "b", unreadable={1: "cut off"}))
    record.close()
    again = ImageRecord(tmp_path, images)
    # A chunk of another size begins before the end of what is known.
    again.add(1, loaded("b", "c", unreadable={1: "cut off", 2: "no image"}))
    assert again.unreadable == {1: "cut off", 2: "no image"}
    with pytest.raises(AccuracyError, match="is not the image that was evaluated earlier"):
        again.add(2, loaded("x"))
    again.close()


def test_images_are_known_by_their_content(images, tmp_path):
    record = ImageRecord(tmp_path, images)
    record.add(0, loaded("a", "b"))
    assert record.count(["b" * 64, "c" * 64, "b" * 64]) == 2, "two files of equal content are two images"
    assert record.count([]) == 0
    record.close()


def test_a_truncated_record_is_not_resumed(images, tmp_path):
    record = ImageRecord(tmp_path, images)
    with pytest.raises(AccuracyError, match=r"images\.jsonl is truncated; remove"):
        record.add(4, loaded("a"))
    record.close()


@pytest.mark.parametrize("line", ["{}", "5", '{"sha256": ["a"], "unreadable": {"x": ""}}', '{"sha256": 1}'])
def test_a_damaged_record_of_images_names_itself(images, tmp_path, line):
    (tmp_path / IMAGES_NAME).write_text(f"{line}\n")
    with pytest.raises(StorageError, match=rf"images\.jsonl is damaged .*Remove {tmp_path} to have"):
        ImageRecord(tmp_path, images)


def test_names_that_are_not_utf8_are_shown_by_their_bytes(images, target, tmp_path):
    """A file that was named in Latin-1, as Python reports it on Linux."""
    odd = dataclasses.replace(images.items[3], name="caf\udce9.png")
    items = (*images.items[:3], odd, *images.items[4:])
    images = dataclasses.replace(images, items=items)
    predictions = Predictions(tmp_path, target, images)
    predictions.append(TOP)
    predictions.finish("content")
    assert read_predictions(predictions.path).names[3] == r"caf\xe9.png"
    record = ImageRecord(tmp_path, images)
    record.add(0, loaded(*"abcd", unreadable={3: "cut off"}))
    listed = record.list_unreadable()
    record.close()
    assert listed is not None
    assert r"caf\xe9.png" in listed.read_text()


def test_a_torn_line_is_read_again(images, tmp_path):
    record = ImageRecord(tmp_path, images)
    record.add(0, loaded("a", "b"))
    record.add(2, loaded("c", "d"))
    record.close()
    path = tmp_path / IMAGES_NAME
    path.write_bytes(path.read_bytes()[:-5])
    again = ImageRecord(tmp_path, images)
    again.add(2, loaded("c", "d"))
    again.close()


def test_predictions_come_chunk_by_chunk_and_end_as_a_table(images, target, tmp_path):
    first = Predictions(tmp_path, target, images)
    first.append(TOP[:5])
    first.close()
    second = Predictions(tmp_path, target, images)
    assert second.done == 5
    second.append(TOP[5:])
    assert not second.complete
    second.finish("content")
    table = read_predictions(second.path)
    assert (table.top == TOP).all()
    assert list(table.names) == [item.name for item in images.items]
    assert table.identity["content_digest"] == "content"
    assert [path.suffix for path in tmp_path.glob("onnx_*")] == [".parquet"]
    assert Predictions(tmp_path, target, images).complete


@pytest.mark.parametrize("complete", [False, True])
def test_predictions_of_something_else_are_started_again(complete, images, target, tmp_path):
    old = Predictions(tmp_path, target, images)
    old.append(TOP)
    if complete:
        old.finish("content")
    old.close()
    # The same series after its card has changed the preprocessing.
    steps = dataclasses.replace(target.preprocessing, resize_px=20)
    new = Predictions(tmp_path, dataclasses.replace(target, preprocessing=steps), images)
    assert (new.done, new.complete) == (0, False)
    new.close()


def test_a_damaged_table_is_started_again(images, target, tmp_path):
    one = Predictions(tmp_path, target, images)
    one.append(TOP)
    one.finish("content")
    one.path.write_bytes(one.path.read_bytes()[:100])
    assert read_identity(one.path) is None
    again = Predictions(tmp_path, target, images)
    assert again.done == 0
    again.close()


def test_a_damaged_journal_names_itself(images, target, tmp_path):
    one = Predictions(tmp_path, target, images)
    one.append(TOP[:5])
    one.close()
    (journal,) = tmp_path.glob("onnx_*.jsonl")
    journal.write_text(journal.read_text().replace('"top"', '"tip"'))
    with pytest.raises(StorageError, match=r"jsonl is damaged .* Remove it"):
        Predictions(tmp_path, target, images)


@pytest.mark.parametrize("complete", [False, True])
def test_predictions_on_other_pixels_are_started_again(complete, images, target, tmp_path, pretend_version):
    pretend_version("Pillow", "12.3.0")
    pretend_version("libjpeg-turbo", "3.1.4.1")
    old = Predictions(tmp_path, target, images)
    old.append(TOP)
    if complete:
        old.finish("content")
    old.close()
    pretend_version("numpy", "0.1")
    again = Predictions(tmp_path, target, images)
    assert (again.done, again.replaced_pixels_by) == (12, ""), "numpy makes none of its pixels"
    again.close()
    pretend_version("Pillow", "13.0.0")
    new = Predictions(tmp_path, target, images)
    assert (new.done, new.complete) == (0, False)
    assert new.replaced_pixels_by == "Pillow 12.3.0, libjpeg-turbo 3.1.4.1"
    assert new.pixels_by == "Pillow 13.0.0, libjpeg-turbo 3.1.4.1"
    new.close()


def forget_pixels(identity: dict) -> dict:
    """An identity as earlier versions wrote it."""
    assert identity.pop("pixels_by")
    return identity


def test_complete_predictions_of_an_earlier_version_are_kept_and_their_pixels_stay_unknown(images, target, tmp_path):
    old = Predictions(tmp_path, target, images)
    old.append(TOP)
    old.finish("content")
    table = read_predictions(old.path)
    write_predictions(old.path, dataclasses.replace(table, identity=forget_pixels(dict(table.identity))))
    before = old.path.read_bytes()
    kept = Predictions(tmp_path, target, images)
    assert (kept.complete, kept.pixels_by, kept.replaced_pixels_by) == (True, "", "")
    assert kept.path.read_bytes() == before


def test_what_an_earlier_version_began_is_resumed_and_its_pixels_stay_unknown(images, target, tmp_path):
    old = Predictions(tmp_path, target, images)
    old.append(TOP[:5])
    old.close()
    (journal,) = tmp_path.glob("onnx_*.jsonl")
    first, *rest = journal.read_text().splitlines()
    first = json.dumps({"identity": forget_pixels(json.loads(first)["identity"])})
    journal.write_text("\n".join([first, *rest, ""]))
    resumed = Predictions(tmp_path, target, images)
    assert (resumed.done, resumed.pixels_by) == (5, "")
    resumed.append(TOP[5:])
    resumed.finish("content")
    identity = read_identity(resumed.path)
    assert identity is not None
    assert "pixels_by" not in identity
    assert identity["content_digest"] == "content"
