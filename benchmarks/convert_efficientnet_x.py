"""Our conversion of EfficientNet-X and direct calls of tf2onnx: seconds, peak memory, operators.

    python benchmarks/convert_efficientnet_x.py --models efficientnet-x-b0,efficientnet-x-tpu-b1

Each conversion runs in a fresh process, one at a time, with the probe's weights set. Peak memory is the
process's own, TensorFlow and the weights included; `loaded` is its value before the conversion began. The
direct calls use what tf2onnx documents: `from_function` and `from_keras`, an NCHW input, opset 17. Beware of the
large models: a direct call took 22 GiB for efficientnet-x-tpu-b7.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

import zoo

WAYS = ("ours", "from_function", "from_keras")
_WATCHED = ("Transpose", "Reshape", "BatchNormalization")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _convert(way: str, network: Any, resolution: int) -> Any:
    """The ONNX graph of a Keras model, batch 1."""
    if way == "ours":
        from converters import tensorflow

        return tensorflow.export(
            network, exporter=tensorflow.EXPORTER, opset=tensorflow.OPSET, batch=1, resolution=resolution
        )
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((1, resolution, resolution, 3), tf.float32, "input")]
    settings = {"input_signature": signature, "opset": 17, "inputs_as_nchw": ["input"]}
    if way == "from_keras":
        return tf2onnx.convert.from_keras(network, **settings)[0]
    return tf2onnx.convert.from_function(tf.function(network), **settings)[0]


def one(name: str, way: str) -> dict[str, Any]:
    """Converts one model in this process, and returns what it cost."""
    import onnx
    import tf2onnx

    del tf2onnx  # imported before the clock starts
    native = zoo.load(name)
    loaded_mib = _peak_mib()
    started, cpu_started = time.perf_counter(), time.process_time()
    model = _convert(way, native.deployable(), native.card.resolution)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    peak_mib = _peak_mib()
    operators = collections.Counter(node.op_type for node in model.graph.node)
    onnx.checker.check_model(model)
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "loaded_mib": round(loaded_mib),
        "peak_mib": round(peak_mib),
        "operators": sum(operators.values()),
        **{f"of_them_{kind}": operators[kind] for kind in _WATCHED},
        "parameters": native.count_parameters(),
    }


def in_fresh_process(name: str, way: str) -> dict[str, Any]:
    """The same in a separate process; if it failed, how it ended."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, way],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"failed": f"code {done.returncode}: {lines[-1] if lines else ''}"}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Converts every model in every way, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="efficientnet_x/efficientnet-x-b0")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--output", type=Path, default=Path("convert_efficientnet_x.csv"))
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "WAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(*arguments.one)))
        return
    rows = []
    for card in zoo.cards(arguments.models):
        if card.release.framework != "tensorflow":
            continue
        for way in arguments.ways:
            rows.append({"model": card.variant, "way": way, **in_fresh_process(card.name, way)})
            pd.DataFrame(rows).to_csv(arguments.output, index=False)
            print(rows[-1], flush=True)
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
