"""Cost of measuring accuracy: one model and a plain DataLoader loop, many models in one pass and in a pass each.

    python benchmarks/accuracy.py --cache-dir DIR
    python benchmarks/accuracy.py --models 'mobile' --count 20 --images 512 --repeats 3 --output accuracy.csv

Every measurement runs in its own process, and the measurements alternate; an inference has one thread, so that its
processor time is known. Images are generated (dead leaves, 500 x 375 pixels, JPEG) and weights are the probe's: the
predictions mean nothing here, their cost does. The output has medians over the repeats:

    images per second       of the first model, in the harness and in a loop of torchvision's ImageFolder and
                            transforms, torch's DataLoader with one worker per processor, and ONNX Runtime
    processor time outside  of the models' inferences: one pass for all models, and a pass each
    wall over models        wall time of the one pass over the models' own inference times and one decode
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import zoo
from converters.images import dead_leaves
from converters.pool import PoolSettings, convert_many
from converters.request import ConversionRequest
from harness.accuracy.evaluation import Evaluation
from harness.accuracy.records import ImageRecord, Predictions
from harness.accuracy.request import AccuracyRequest
from harness.accuracy.targets import EvaluationTarget
from harness.datasets import open_images
from harness.processes.target import Target

# Folders with these names give the labels ImageNet's classes, which these models have.
WNIDS = ("n01440764", "n01443537", "n01484850", "n01491361", "n01494475", "n01496331", "n01498041", "n01514668")
SIZE = (500, 375)
LEAVES = 24


def draw_images(root: Path, count: int) -> None:
    """Writes crops of a few large drawings, in the average size of ImageNet's photographs."""
    generator = np.random.default_rng(0)
    leaves = (dead_leaves(640, LEAVES).transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    for number in range(count):
        folder = root / WNIDS[number % len(WNIDS)]
        folder.mkdir(parents=True, exist_ok=True)
        left, top = (int(generator.integers(0, 640 - length)) for length in SIZE)
        crop = Image.fromarray(leaves[number % LEAVES]).crop((left, top, left + SIZE[0], top + SIZE[1]))
        crop.save(folder / f"{number:05d}.JPEG", quality=90)


def targets_of(names: list[str], cache_dir: Path) -> list[EvaluationTarget]:
    """The models' artifacts, converted if the cache lacks them."""
    found = {}
    for conversion in convert_many([ConversionRequest(name) for name in names], cache_dir, PoolSettings()):
        if conversion.artifact is None:
            raise SystemExit(f"{conversion.request.model}: {conversion.reason}")
        found[conversion.request.model] = conversion.artifact
    return [
        EvaluationTarget(
            key=name,
            model=name,
            network=Target(str(found[name].path), found[name].sha256, "onnxruntime", "fp32", batch=1, threads=1),
            classes=1000,
            preprocessing=zoo.card(name).preprocessing,
            resolution=zoo.card(name).resolution,
        )
        for name in names
    ]


def one_pass(folder: Path, targets: list[EvaluationTarget]) -> dict[str, float]:
    """Runs the harness over all images for these models."""
    request = AccuracyRequest(folder)
    images = request.open()
    with tempfile.TemporaryDirectory() as records:
        record = ImageRecord(Path(records), images)
        predictions = [Predictions(Path(records), target, images) for target in targets]
        cost = Evaluation(predictions, images, record, request).run().cost
        record.close()
    return {
        "inference_s": cost.inference_s,
        "inference_cpu_s": cost.inference_thread_s,
        "preparing_cpu_s": cost.preparing_s,
    }


def plain_loop(folder: Path, target: EvaluationTarget) -> dict[str, float]:
    """The loop that a user would write for one model: the same steps from the usual libraries."""
    import onnxruntime
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    steps = target.preprocessing
    if (steps.rule, steps.library) != ("resize_then_crop", "pil"):
        raise SystemExit(f"{target.model}: the loop supports only resize_then_crop by Pillow; put another model first")
    transform = transforms.Compose(
        [
            transforms.Resize(steps.resize_px, transforms.InterpolationMode(steps.interpolation)),
            transforms.CenterCrop(steps.crop_px),
            transforms.ToTensor(),
            transforms.Normalize(steps.mean, steps.std),
        ]
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(target.network.artifact, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    loader = DataLoader(datasets.ImageFolder(str(folder), transform), batch_size=1, num_workers=os.cpu_count() or 1)
    inference_s = inference_cpu_s = 0.0
    for images, _ in loader:
        batch = images.numpy()
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        (logits,) = session.run(None, {name: batch})
        inference_s += time.perf_counter() - began_s
        inference_cpu_s += time.thread_time() - began_cpu_s
        np.argsort(-logits, axis=1, kind="stable")[:, :5]
    return {"inference_s": inference_s, "inference_cpu_s": inference_cpu_s, "preparing_cpu_s": 0.0}


def measured(kind: str, folder: Path, targets: list[EvaluationTarget]) -> dict[str, float]:
    """One measurement in a new process: wall and processor time of it and its children, start included."""
    asked = {"kind": kind, "folder": str(folder), "targets": [target.to_json() for target in targets]}
    command = [sys.executable, __file__, "--measure"]
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True)
    wall_s, after = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return {**found, "wall_s": wall_s, "cpu_s": cpu_s, "outside_cpu_s": cpu_s - found["inference_cpu_s"]}


def measure(asked: dict[str, Any]) -> None:
    """The measurement in the new process."""
    targets = [EvaluationTarget.from_json(entry) for entry in asked["targets"]]
    folder = Path(asked["folder"])
    found = plain_loop(folder, targets[0]) if asked["kind"] == "loop" else one_pass(folder, targets)
    print(json.dumps(found))


def repeat(folder: Path, targets: list[EvaluationTarget], repeats: int) -> pd.DataFrame:
    """All measurements in turn, `repeats` times."""
    rows = []
    for number in range(repeats):
        rows.append({"what": "loop", **measured("loop", folder, targets[:1])})
        rows.append({"what": "one model", **measured("pass", folder, targets[:1])})
        rows.append({"what": "one pass", **measured("pass", folder, targets)})
        each = [measured("pass", folder, [target]) for target in targets]
        rows.append({"what": "a pass each", **{name: sum(one[name] for one in each) for name in each[0]}})
        print(f"repeat {number + 1} of {repeats}", file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def report(rows: pd.DataFrame, images: int, models: int) -> None:
    """Prints the medians."""
    median = rows.groupby("what", sort=False).median(numeric_only=True)
    print(median.round(2).to_string())
    loop, one = (images / median.loc[what, "wall_s"] for what in ("loop", "one model"))
    print(f"\none model: {one:.1f} images/s, the plain loop {loop:.1f}: {one / loop:.2f} times as fast")
    outside = median["outside_cpu_s"]
    ratio = outside["a pass each"] / outside["one pass"]
    print(f"{models} models: outside inferences, a pass each takes {ratio:.1f} times the processor time of one pass")
    whole = median.loc["one pass"]
    ideal_s = whole["inference_s"] + whole["preparing_cpu_s"]
    more = 100 * (whole["wall_s"] / ideal_s - 1)
    print(
        f"one pass: {whole['wall_s']:.1f} s, {more:+.1f} % compared with {ideal_s:.1f} s of inferences and one decode"
    )
    spread = [statistics.pstdev(group["wall_s"]) / group["wall_s"].mean() for _, group in rows.groupby("what")]
    print(f"wall times vary by up to {100 * max(spread):.1f} % between repeats")


def main() -> None:
    """Generates images, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--models", default="efficientnet/efficientnet_b0,mobile", help="the plain loop measures the first"
    )
    parser.add_argument("--count", type=int, default=20, help="largest number of models (%(default)s)")
    parser.add_argument("--images", type=int, default=512, help="images to generate (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cache-dir", type=Path, help="where artifacts are kept; a temporary directory by default")
    parser.add_argument("--output", type=Path, default=Path("accuracy.csv"))
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(json.load(sys.stdin))
        return
    names = [
        card.name for pattern in arguments.models.split(",") for card in zoo.cards(pattern) if card.classes == 1000
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "images")
        draw_images(folder, arguments.images)
        assert len(open_images(folder).items) == arguments.images
        cache_dir = arguments.cache_dir or Path(place, "cache")
        targets = targets_of(list(dict.fromkeys(names))[: arguments.count], cache_dir)
        rows = repeat(folder, targets, arguments.repeats)
    rows.to_csv(arguments.output, index=False)
    report(rows, arguments.images, len(targets))


if __name__ == "__main__":
    main()
