"""Real networks on real images: the figures are those of a plain loop, whatever else runs."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from harness.accuracy.evaluation import Evaluation, EvaluationResult
from harness.accuracy.predictions import PredictionTable, read_predictions
from harness.accuracy.process import EvaluatingProcess
from harness.accuracy.records import ImageRecord, Predictions
from harness.accuracy.request import AccuracyRequest
from harness.accuracy.targets import EvaluationTarget, evaluation_target
from harness.accuracy.worker.top_classes import NONE
from harness.datasets import ImageSet, open_images
from harness.errors import AccuracyError
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.classifiers import CLASSES, RESOLUTION, classifier, series_of

ROOT = Path(__file__).parents[3]


def target_of(path: Path, images: ImageSet) -> EvaluationTarget:
    series = series_of(path)
    found = evaluation_target(series, series.target(1, GpuSettings(), path.parent), images, None)
    assert isinstance(found, EvaluationTarget), found
    return found


@dataclasses.dataclass(frozen=True)
class Ended:
    one_pass: EvaluationResult
    predictions: list[Predictions]

    def tables(self) -> list[PredictionTable]:
        return [read_predictions(one.path) for one in self.predictions]


@pytest.fixture
def run(tmp_path: Path):
    """Evaluates networks on a folder of images; records go to `folder`."""

    def evaluate_all(folder: Path, *networks: Path, into: str = "records", request=None) -> Ended:
        images = open_images(folder)
        records = tmp_path / into
        records.mkdir(exist_ok=True)
        asked = request or AccuracyRequest(folder, memory_mib=64, decoders=2)
        record = ImageRecord(records, images)
        predictions = [Predictions(records, target_of(path, images), images) for path in networks]
        try:
            return Ended(Evaluation(predictions, images, record, asked).run(), predictions)
        finally:
            record.close()
            for one in predictions:
                one.close()

    return evaluate_all


def plain_loop(folder: Path, network: Path, resolution: int = RESOLUTION) -> NDArray[np.int32]:
    """Every image's top-5, in the most direct way: Pillow, numpy, and the runtime at the network's batch of 1."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    resize_px = round(resolution / 0.875)
    found = []
    for path in sorted(folder.rglob("*.png"), key=lambda path: path.name):
        image = Image.open(path).convert("RGB")
        width, height = image.size
        size = (
            (resize_px, int(resize_px * height / width))
            if width <= height
            else (int(resize_px * width / height), resize_px)
        )
        image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = (round((length - resolution) / 2.0) for length in size)
        crop = np.asarray(image.crop((left, top, left + resolution, top + resolution)), np.float32) / np.float32(255)
        inputs = ((crop - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
        (logits,) = session.run(None, {"input": np.ascontiguousarray(inputs)})
        found.append(np.argsort(-logits[0], kind="stable")[:5])
    return np.array(found, np.int32)


def test_every_image_gets_the_classes_of_a_plain_loop(run, make_images, write_classifier):
    folder, network = make_images(), write_classifier()
    ended = run(folder, network)
    (table,) = ended.tables()
    assert ended.one_pass.failures == {}
    assert (table.top == plain_loop(folder, network)).all()
    assert table.labels.tolist() == [int(name[:2]) for name in table.names]
    assert len(table.names) == 42
    assert ended.one_pass.cost.inference_s > 0
    assert ended.one_pass.cost.preparing_s > 0


def test_no_result_depends_on_what_runs_beside_it(run, make_images, write_classifier):
    """Alone, in one chunk, and beside others, in many: exactly the same classes."""
    folder = make_images()
    # Besides an input of 128 pixels, half a MiB holds a single image, so chunks are as small as batches allow.
    large = write_classifier("large.onnx", resolution=128, batch=2, seed=4)
    networks = [write_classifier(f"net{seed}.onnx", seed=seed, batch=batch) for seed, batch in enumerate((1, 8, 4))]
    little = AccuracyRequest(folder, memory_mib=1, decoders=2)
    together = run(folder, large, *networks, into="together", request=little).tables()
    for position, network in enumerate([large, *networks]):
        (alone,) = run(folder, network, into=f"alone{position}").tables()
        assert (alone.top == together[position].top).all()


def test_batches_of_any_sizes_stay_within_the_memory(run, make_images, write_classifier, monkeypatch):
    """Whole batches of 5, 7 and 9 images are 315 images; a chunk holds what fits."""
    folder = make_images()
    networks = [write_classifier(f"net{batch}.onnx", seed=batch, batch=batch) for batch in (5, 9, 1, 7)]
    asked = []
    load = EvaluatingProcess.load
    monkeypatch.setattr(EvaluatingProcess, "load", lambda self, one: asked.append(one) or load(self, one))
    monkeypatch.setattr("harness.accuracy.memory._MOST_IMAGES", 10)
    for table, network in zip(run(folder, *networks).tables(), networks, strict=True):
        expected = plain_loop(folder, write_classifier("one.onnx", seed=int(network.stem[3:])))
        assert (table.top == expected).all()
    assert max(one.stop - one.start for one in asked) == 10


def test_batches_are_filled_up(run, make_images, write_classifier):
    """42 images in batches of 8: the classes that a plain loop finds one by one."""
    folder = make_images()
    (found,) = run(folder, write_classifier("eight.onnx", batch=8)).tables()
    assert (found.top == plain_loop(folder, write_classifier("one.onnx"))).all()


def test_an_unreadable_image_counts_for_no_network_and_is_listed(run, make_images, write_classifier, tmp_path):
    folder, network = make_images(), write_classifier()
    expected = plain_loop(folder, network)
    broken = folder / "class02" / "02_001.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (table,) = run(folder, network).tables()
    at = table.names.index("02_001.png")
    assert not table.readable[at]
    assert table.top[at].tolist() == [NONE] * 5
    others = np.arange(len(expected)) != at
    assert table.readable[others].all()
    assert (table.top[others] == expected[others]).all()
    images = open_images(folder)
    record = ImageRecord(tmp_path / "records", images)
    listed = record.list_unreadable()
    record.close()
    assert listed is not None
    header, line = listed.read_text().splitlines()
    assert header == "image,location,reason"
    assert line.startswith(f"02_001.png,{broken},")


@pytest.mark.parametrize("shape", [[0, -1, 1, 1], [0, 1, 1, -1]])
def test_classes_may_have_a_height_and_a_width_of_one(shape, run, make_images, write_classifier):
    folder, plain = make_images(), write_classifier("plain.onnx", batch=2)
    model = onnx.load(write_classifier("squeezed.onnx", batch=2))
    model.graph.node[-1].output[0] = "flat"
    model.graph.node.append(onnx.helper.make_node("Reshape", ["flat", "shape"], ["logits"]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(shape, np.int64), "shape"))
    squeezed = plain.with_name("squeezed.onnx")
    model.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="logits"))
    onnx.save(model, squeezed)
    expected, found = run(folder, plain, squeezed).tables()
    np.testing.assert_array_equal(found.top, expected.top)


def test_the_same_command_again_reads_no_image(run, make_images, write_classifier):
    folder, network = make_images(), write_classifier()
    (before,) = run(folder, network).tables()
    for path in folder.rglob("*.png"):
        path.write_bytes(b"nobody looks")
    ended = run(folder, network)
    assert ended.one_pass.cost.inference_s == 0
    assert (ended.tables()[0].top == before.top).all()


def test_a_changed_image_is_never_mixed_with_the_old_one(run, make_images, write_classifier):
    folder = make_images()
    run(folder, write_classifier())
    changed = folder / "class03" / "03_002.png"
    changed.write_bytes((folder / "class00" / "00_000.png").read_bytes())
    with pytest.raises(AccuracyError, match=r"03_002\.png is not the image that was evaluated earlier"):
        run(folder, write_classifier("other.onnx", seed=1))


def test_a_changed_artifact_costs_its_own_row(run, make_images, write_classifier):
    folder = make_images()
    good, changed = write_classifier("good.onnx"), write_classifier("changed.onnx", seed=1)
    images = open_images(folder)
    planned = target_of(changed, images)
    changed.write_bytes(write_classifier("new.onnx", seed=2).read_bytes())
    records = folder.parent / "records"
    records.mkdir()
    record = ImageRecord(records, images)
    predictions = [Predictions(records, one, images) for one in (planned, target_of(good, images))]
    ended = Evaluation(predictions, images, record, AccuracyRequest(folder, memory_mib=64)).run()
    assert "it has changed since, or is truncated" in ended.failures[planned.key]
    assert [one.complete for one in predictions] == [False, True]


# A Python that starts with this file has a runtime that misbehaves for networks of certain names.
MISBEHAVING = """
import os
import harness.backends.onnxruntime.cpu as runtime
whole = runtime.OnnxRuntimeBackend.prepare_impl
opened = []
def prepare_impl(self, artifact, **options):
    if "crash" in artifact.name or ("beside" in artifact.name and opened):
        os.abort()
    if "memory" in artifact.name and opened:
        raise RuntimeError("Failed to allocate memory for requested buffer")
    if "hang" in artifact.name:
        import time
        time.sleep(600)
    opened.append(artifact)
    return whole(self, artifact, **options)
runtime.OnnxRuntimeBackend.prepare_impl = prepare_impl
"""


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(MISBEHAVING)
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{ROOT}")


def test_a_crash_of_the_runtime_costs_one_row(run, make_images, write_classifier, misbehaving):
    folder = make_images()
    names = ("a.onnx", "crash.onnx", "b.onnx")
    networks = [write_classifier(name, seed=seed) for seed, name in enumerate(names)]
    ended = run(folder, *networks)
    ((key, reason),) = ended.one_pass.failures.items()
    assert key.startswith("onnx/crash|")
    assert "crashed with SIGABRT" in reason
    assert [one.complete for one in ended.predictions] == [True, False, True]
    for position in (0, 2):
        assert (read_predictions(ended.predictions[position].path).top == plain_loop(folder, networks[position])).all()


@pytest.mark.parametrize("name", ["beside.onnx", "memory.onnx"])
def test_what_fails_only_beside_others_is_evaluated_alone(run, make_images, write_classifier, misbehaving, name):
    folder = make_images()
    networks = [write_classifier("a.onnx"), write_classifier(name, seed=1), write_classifier("b.onnx", seed=2)]
    ended = run(folder, *networks)
    assert ended.one_pass.failures == {}
    for table, network in zip(ended.tables(), networks, strict=True):
        assert (table.top == plain_loop(folder, network)).all()


def test_a_network_that_hangs_costs_one_row(run, make_images, write_classifier, misbehaving):
    folder = make_images()
    request = AccuracyRequest(folder, memory_mib=64, decoders=2, timeout_s=6.0)
    ended = run(folder, write_classifier("hang.onnx"), write_classifier("a.onnx", seed=1), request=request)
    ((key, reason),) = ended.one_pass.failures.items()
    assert key.startswith("onnx/hang|")
    assert reason.startswith("timeout: The evaluation did not end within 6 s")
    assert ended.predictions[1].complete


def test_a_network_of_other_classes_says_so(run, make_images, write_classifier):
    ended = run(make_images(), write_classifier(classes=10))
    (reason,) = ended.one_pass.failures.values()
    assert "7-class labels (images) for a 10-class model (onnx/net)" in reason


def test_logits_that_are_not_numbers_say_so(run, make_images, write_classifier):
    ended = run(make_images(), write_classifier(scale=float("nan")))
    (reason,) = ended.one_pass.failures.values()
    assert "NaN" in reason


def test_outputs_for_no_image_are_ignored(run, make_images, tmp_path):
    """A network that divides by the norm of its input gives NaN for zeros: a damaged image's and a last batch's."""
    folder = make_images()
    network = classifier(CLASSES, 4, RESOLUTION, 0, 1.0)
    network.graph.node[0].input[0] = "unit"
    nodes = [
        onnx.helper.make_node("ReduceL2", ["input"], ["norm"], axes=[1, 2, 3]),
        onnx.helper.make_node("Div", ["input", "norm"], ["unit"]),
        *network.graph.node,
    ]
    del network.graph.node[:]
    network.graph.node.extend(nodes)
    path = tmp_path / "unit.onnx"
    onnx.save(network, path)
    (folder / "class02" / "02_001.png").write_bytes(b"")
    ended = run(folder, path)
    assert ended.one_pass.failures == {}
    (table,) = ended.tables()
    assert [name for name, readable in zip(table.names, table.readable, strict=True) if not readable] == ["02_001.png"]


def test_networks_that_do_not_fit_are_opened_in_turn(run, make_images, write_classifier, monkeypatch):
    folder = make_images()
    networks = [write_classifier(f"net{seed}.onnx", seed=seed) for seed in range(3)]
    monkeypatch.setattr("harness.accuracy.memory.OpenNetworks.keep", lambda *_: False)
    monkeypatch.setattr("harness.accuracy.memory._MOST_IMAGES", 10)
    for table, network in zip(run(folder, *networks).tables(), networks, strict=True):
        assert (table.top == plain_loop(folder, network)).all()


def test_resized_images_come_from_the_cache(run, make_images, write_classifier, tmp_path, monkeypatch):
    folder, network = make_images(), write_classifier()
    request = AccuracyRequest(folder, memory_mib=64, decoders=2, cache_images=tmp_path / "cache")
    (first,) = run(folder, network, into="first", request=request).tables()
    # From here on, no image can be decoded.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import zoo.preprocessing.decoding as it\nit.pillow_image = None\n")
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{ROOT}")
    with pytest.raises(AccuracyError, match="images 1 to 42 could not be prepared"):
        run(folder, network, into="without")
    (second,) = run(folder, network, into="second", request=request).tables()
    assert (first.top == second.top).all()


COMMAND = [sys.executable, "-m", "harness", "accuracy", "--decoders", "1", "--threads", "1"]


@pytest.mark.parametrize(("end", "exit_code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130)])
def test_ended_in_the_middle_and_resumed(end, exit_code, make_images, write_classifier, tmp_path):
    """kill -9 of the whole run, or SIGTERM; the same command again gives the figures of an undisturbed run."""
    folder = make_images(per_class=60)
    # Batches of 64 images of 192 pixels: chunks of 64, and some work for each.
    networks = [write_classifier(f"net{seed}.onnx", seed=seed, batch=64, resolution=192) for seed in range(2)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def command(output: Path) -> list[str]:
        files = [part for path in networks for part in ("--onnx", str(path))]
        places = ["--output", str(output), "--cache-dir", str(tmp_path / "cache"), "--memory", "40"]
        return [*COMMAND, "--images", str(folder), *files, *places]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole), env=environment, check=True, capture_output=True, timeout=300)
    process = subprocess.Popen(command(killed), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not any(_chunks(path) >= 2 for path in killed.glob("accuracy/*/onnx_net*.jsonl")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(end)
    assert process.wait() == exit_code
    assert not list(killed.glob("accuracy/*/*.parquet"))
    resumed = subprocess.run(command(killed), env=environment, check=True, capture_output=True, text=True, timeout=300)
    assert "resume where they stopped" in resumed.stderr
    for name in ("net0", "net1"):
        (expected,), (found,) = (list(place.glob(f"accuracy/*/onnx_{name}-*.parquet")) for place in (whole, killed))
        first, second = read_predictions(expected), read_predictions(found)
        assert (first.top == second.top).all()
        assert first.names == second.names
        assert first.identity == second.identity
    figures = [json.loads(line)["result"] for line in (killed / "accuracy.jsonl").read_text().splitlines()]
    assert [figure["images_count"] for figure in figures] == [420, 420]
    assert not list(killed.glob("accuracy/*/onnx_*.jsonl"))


def _chunks(journal: Path) -> int:
    """Chunks that a journal holds; its first line says what they belong to."""
    return len(journal.read_bytes().splitlines()) - 1
