"""Images and networks of an evaluation, and a cluster of two hosts on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from harness.__main__ import main
from tests.fakes.classifiers import CLASSES, RESOLUTION, classifier, picture

ROOT = Path(__file__).parents[3]
NETWORKS = ("net", "other")
PER_CLASS = 20


def evaluation(folder: Path, output: Path, *options: str) -> list[str]:
    """The words of an evaluation of two networks, one of them three images at a time."""
    files = [word for network in NETWORKS for word in ("--onnx", str(folder / f"{network}.onnx"))]
    rest = ["--images", str(folder / "images"), "--memory", "64", "--threads", "1", "--output", str(output)]
    return ["accuracy", *files, *rest, *options]


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and two networks, and their evaluation by one machine in `alone`."""
    folder = tmp_path_factory.mktemp("task")
    for label in range(CLASSES):
        (folder / "images" / f"class{label:02d}").mkdir(parents=True)
        for number in range(PER_CLASS):
            file = folder / "images" / f"class{label:02d}" / f"{label:02d}_{number:03d}.png"
            Image.fromarray(picture(100 * label + number, 20, 18)).save(file)
    (folder / "images" / "class00" / "00_000.png").write_bytes(b"<html>")
    for seed, network in enumerate(NETWORKS):
        made = classifier(CLASSES, 1 + 2 * seed, RESOLUTION, seed, 1.0)
        (folder / f"{network}.onnx").write_bytes(made.SerializeToString())
    assert main(evaluation(folder, folder / "alone")) == 0
    return folder


@dataclasses.dataclass
class Cluster:
    """Two hosts, each with one processor, a cache and a temporary folder of its own, all on this machine."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, name: str, *words: str, begin: tuple[str, ...] = ()) -> None:
        """Starts a host; its command may begin with another that sets something up."""
        # Sockets have short paths, which those of pytest's folders are not.
        temporary = self.folder / name
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(temporary / "cache")}
        environment |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "7", "RAY_AUTH_MODE": "disabled"}
        options = [*words, "--num-cpus", "1", "--temp-dir", str(temporary), "--object-store-memory", "100000000"]
        command = [*begin, sys.executable, "-m", "ray.scripts.scripts", "start", *options]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)

    def head(self) -> None:
        """Starts the first host."""
        self.start("head", "--head", "--port", str(self.port), "--include-dashboard=false")

    def worker(self) -> None:
        """Starts a further host."""
        self.start("worker", "--address", self.address)

    def third_of_one_core(self) -> None:
        """Starts a host that may use one core alone: another environment."""
        self.start("third", "--address", self.address, begin=("taskset", "-c", "0"))

    def processes(self, *parts: str) -> list[psutil.Process]:
        """The processes of this cluster whose command lines have all the parts."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if str(self.folder) in line and all(part in line for part in parts):
                    found.append(process)
        return found

    def kill(self, *parts: str) -> None:
        """Kills the processes whose command lines have all the parts."""
        for process in self.processes(*parts):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)

    def pieces(self) -> list[psutil.Process]:
        """The commands that run on its hosts."""
        return self.processes("harness.hosts.command_process")

    def begin(self, words: list[str]) -> subprocess.Popen[str]:
        """Starts a command on the cluster."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": self.address, "RAY_AUTH_MODE": "disabled"}
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )

    def finish(self, words: list[str]) -> str:
        """Runs a command on the cluster to its end; returns what it printed for the user."""
        process = self.begin(words)
        _, told = process.communicate(timeout=180)
        assert process.returncode == 0, told
        return told

    def stop(self) -> None:
        """Kills every process of it."""
        self.kill("/")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of two hosts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Cluster(Path(f"/tmp/bz{os.getpid()}-{port}"), port)
    try:
        made.head()
        made.worker()
        yield made
    finally:
        made.stop()
        subprocess.run(["rm", "-rf", str(made.folder)], check=False)
