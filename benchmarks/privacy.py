"""What each dependency does unasked: hosts it contacts, files it leaves, programs and threads it starts.

    python benchmarks/privacy.py                      # every installed dependency, as it comes
    python benchmarks/privacy.py --switched-off       # the same with this project's switches (foundation/privacy.py)
    python benchmarks/privacy.py onnxruntime --wait 40

Each dependency is imported and typically used in a fresh process under `strace -f`, with an empty home, cache,
configuration, temporary and current folder. The process then waits, since reports may be sent later. Linux and strace
are needed. The table of docs/privacy.md was made from its output.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from foundation import privacy

NETWORK = """
import numpy, onnx
from onnx import helper
image = numpy.zeros((1, 3, 8, 8), "float32")
values = [helper.make_tensor_value_info(name, 1, image.shape) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
"""
SESSION = """
import onnxruntime
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
session.run(None, {"x": image})
"""
TORCH = """
import torch
net, image = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval(), torch.zeros(1, 3, 64, 64)
"""
KERAS = """
model = keras.Sequential([keras.layers.Conv2D(4, 3, input_shape=(8, 8, 3))])
"""
# Nothing listens there: a request fails at once, and only what else is contacted matters.
SERVER = "'http://127.0.0.1:9/file'"
# Where no server answers or no GPU is found, what happens besides is of interest.
FAILING = "try:\n    {}\nexcept Exception as error:\n    print(error)"

USES = {
    "numpy": "import numpy; numpy.linalg.svd(numpy.ones((64, 64)))",
    "scipy": "from scipy import stats; stats.binom.cdf(1, 2, 0.5)",
    "pandas": "import pandas; pandas.DataFrame({'a': [1]}).to_csv('x.csv'); pandas.read_csv('x.csv')",
    "pyarrow": "import pyarrow.parquet; pyarrow.parquet.write_table(pyarrow.table({'a': [1]}), 'x.parquet')",
    "psutil": "import psutil; psutil.Process().memory_info(); psutil.cpu_percent()",
    "rich": "from rich.progress import track; [0 for _ in track([1])]",
    "platformdirs": "import platformdirs; platformdirs.user_cache_dir('x')",
    "onnx": NETWORK + "onnx.checker.check_model(model); onnx.save(model, 'x.onnx')",
    "onnxruntime": NETWORK + SESSION,
    "onnxruntime-gpu": NETWORK + SESSION,
    "onnxconverter-common": NETWORK
    + "from onnxconverter_common import float16; float16.convert_float_to_float16(model)",
    "onnxscript": TORCH + "torch.onnx.export(net, (image,), 'x.onnx', dynamo=True, verbose=False)",
    "torch": TORCH + "torch.onnx.export(net, (image,), 'x.onnx', dynamo=False); torch.save(net.state_dict(), 'x.pt')",
    "torchvision": TORCH + "import torchvision; torchvision.models.resnet18()(image)",
    "timm": TORCH + "import timm; timm.create_model('mobilenetv3_small_050')(image)",
    "pycls": "from pycls.models.anynet import AnyNet; import pycls.models.model_zoo",
    "resnest": "import resnest.torch; resnest.torch.resnest50(pretrained=False)",
    "ofa": "import ofa.model_zoo; from ofa.imagenet_classification.networks import *; get_net_by_name('MobileNetV3')",
    "tensorflow-cpu": "import tensorflow; tensorflow.nn.relu(tensorflow.zeros((1, 8)))",
    "keras": "import keras" + KERAS + "model.predict(keras.ops.zeros((1, 8, 8, 3)), verbose=0)",
    "tf_keras": "import tf_keras as keras" + KERAS,
    "tf2onnx": "import tensorflow, keras, tf2onnx"
    + KERAS
    + "tf2onnx.convert.from_function(tensorflow.function(lambda x: model(x)), [tensorflow.TensorSpec((1, 8, 8, 3))])",
    "pillow": "from PIL import Image; Image.new('RGB', (9, 9)).save('x.jpg'); Image.open('x.jpg').resize((3, 3))",
    "opencv-python": "import cv2, numpy; cv2.imwrite('x.jpg', numpy.zeros((9, 9, 3), 'uint8')); cv2.imread('x.jpg')",
    "matplotlib": "from matplotlib.figure import Figure; one = Figure(); one.add_subplot(); one.savefig('x.svg')",
    "huggingface_hub": "import huggingface_hub\n" + FAILING.format(f"huggingface_hub.get_hf_file_metadata({SERVER})"),
    "hf-xet": "import hf_xet",
    "gdown": "import gdown\n" + FAILING.format(f"gdown.download({SERVER}, 'x', quiet=True, use_cookies=False)"),
    "requests": "import requests\n" + FAILING.format(f"requests.get({SERVER})"),
    "urllib3": "import urllib3\n" + FAILING.format(f"urllib3.request('GET', {SERVER}, retries=0)"),
    "safetensors": TORCH + "from safetensors.torch import save_file; save_file({'image': image}, 'x.safetensors')",
    "filelock": "from filelock import FileLock\nwith FileLock('x.lock'): pass",
    "pyyaml": "import yaml; yaml.safe_load('a: 1')",
    "yacs": "from yacs.config import CfgNode; CfgNode({'a': 1})",
    "tqdm": "from tqdm import tqdm; [0 for _ in tqdm([1])]",
    "nvidia-ml-py": "import pynvml\n" + FAILING.format("pynvml.nvmlInit()"),
    "cuda-bindings": "from cuda.bindings import driver\n" + FAILING.format("driver.cuInit(0)"),
    "tensorrt-lean-cu12": "import tensorrt_lean; tensorrt_lean.Logger()",
    "openvino": NETWORK + "onnx.save(model, 'x.onnx'); import openvino; openvino.compile_model('x.onnx', 'CPU')(image)",
    "ray": "import ray; ray.init(num_cpus=1, include_dashboard=False); ray.get(ray.remote(lambda: 1).remote())",
}
"""What a typical use of each distribution does, as the code of a process."""

EPILOGUE = """
import os as _os, sys as _sys, time as _time
_time.sleep({wait_s})
_names = [open(f"/proc/self/task/{{one}}/comm").read().strip() for one in _os.listdir("/proc/self/task")]
print("THREADS", len(_names) - 1, file=_sys.__stderr__)
"""

CALLS = "execve,connect,sendto,sendmsg,sendmmsg,openat,open,creat,mkdir,mkdirat"


def main() -> None:
    """Tries the dependencies and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="distributions, by default every one that is installed")
    parser.add_argument(
        "--wait", type=float, default=12, metavar="S", help="seconds to wait after the use (%(default)s)"
    )
    parser.add_argument("--switched-off", action="store_true", help="set the switches of this project")
    arguments = parser.parse_args()
    print("| distribution | contacted | files left | programs | threads left |\n|---|---|---|---|---:|")
    for name in arguments.names or USES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        print(
            f"| {name} {version} | {' | '.join(tried(USES[name], arguments.wait, arguments.switched_off))} |",
            flush=True,
        )


def tried(code: str, wait_s: float, switched_off: bool) -> list[str]:
    """Runs the code under strace and returns the cells of its row: hosts, files, programs, threads."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        places = {"HOME": "home", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config", "TMPDIR": "tmp"}
        for place in (*places.values(), "work"):
            (root / place).mkdir()
        silent = privacy.SWITCHES if switched_off else {}
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH")}
        environment = {**kept, **silent, **{name: str(root / place) for name, place in places.items()}}
        trace = root / "trace"
        traced = [sys.executable, "-B", "-c", code + EPILOGUE.format(wait_s=wait_s)]
        done = subprocess.run(
            ["strace", "-f", "-qq", "-s", "300", "-e", f"trace={CALLS}", "-o", str(trace), *traced],
            cwd=root / "work",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return [f"FAILED with {done.returncode}: {done.stderr.strip()[-200:]}", "", "", ""]
        lines = trace.read_text(errors="replace").splitlines()
        threads = re.findall(r"THREADS (\d+)", done.stderr)[-1]
        return [hosts(lines), files(root, lines), programs(lines), threads]


def hosts(lines: list[str]) -> str:
    """Names that were looked up, and addresses that were connected to; local sockets of other kinds are left out."""
    found = set()
    for line in lines:
        if address := re.search(r"connect\(.*sin6?_port=htons\((\d+)\).*\"([0-9a-f.:]+)\"", line):
            found.add(f"{address[2]}:{address[1]}")
        elif " send" in line:
            found.update(f"DNS {name}" for text in re.findall(r'"([^"]*)"', line) if (name := queried(text)))
    return listed(found)


def queried(text: str) -> str:
    """The name that a DNS query asks for, from strace's text of its bytes; empty if the bytes are no query."""
    try:
        data = text.encode("latin-1").decode("unicode_escape").encode("latin-1")
    except UnicodeError:
        return ""
    # RFC 1035: an identifier, flags of a recursive query, one question; then labels, each with its length before it.
    if data[2:6] != b"\x01\x00\x00\x01":
        return ""
    labels, at = [], 12
    while at < len(data) and data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    return ".".join(labels)


def files(root: Path, lines: list[str]) -> str:
    """Files left in the fresh folders, and those created in others."""
    left = {
        re.sub(r"\d{3,}", "N", f"{path.relative_to(root)} ({path.stat().st_size} B)")
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in ("trace", "work")
    }
    created = {match[1] for line in lines if (match := re.search(r"\"(/[^\"]+)\", [A-Z_|]*O_CREAT.* = \d+$", line))}
    outside = {path for path in created if not path.startswith((str(root), "/dev/", "/proc/"))}
    return listed(left | outside)


def programs(lines: list[str]) -> str:
    """Programs that were started beside the interpreter."""
    started = {match[1] for line in lines if (match := re.search(r"execve\(\"([^\"]+)\".* = 0$", line))}
    return listed({Path(one).name for one in started if Path(one).name != Path(sys.executable).name})


def listed(found: set[str]) -> str:
    """Words in order, `-` for none."""
    return ", ".join(sorted(found)) or "-"


if __name__ == "__main__":
    main()
