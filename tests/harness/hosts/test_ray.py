"""Real clusters of Ray, of two hosts on this machine: nothing is lost, whatever is killed."""

from __future__ import annotations

import dataclasses
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import zoo
from foundation.digests import file_sha256
from harness.__main__ import main
from harness.artifacts.bundle import read_bundle
from harness.records.series import Series
from tests.fakes.classifiers import classifier, picture
from tests.harness.hosts.conftest import Cluster, evaluation
from tests.processes import has_ended, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

OTHER = ["accuracy_evaluated_at", "run_seed", "artifact_path"]
"""Columns that tell one run of the same command from another."""


def table(folder: Path) -> pd.DataFrame:
    found = pd.read_csv(folder / "results.csv", keep_default_na=False, dtype=str).set_index("model").sort_index()
    return found.drop(columns=[name for name in OTHER if name in found])


def check_equal(whole: Path, alone: Path) -> None:
    pd.testing.assert_frame_equal(table(whole), table(alone))
    files = sorted(path.relative_to(alone) for path in alone.glob("accuracy/*/*.parquet"))
    assert len(files) == 2
    for file in files:
        assert file_sha256(whole / file) == file_sha256(alone / file)
    assert not list(whole.parent.glob(f"*{whole.name}.parts*"))


def words_for(task: Path, tmp_path: Path) -> list[str]:
    return evaluation(task, tmp_path / "whole", "--on", "ray")


def test_the_whole_is_equal_in_every_figure(cluster: Cluster, task: Path, tmp_path: Path) -> None:
    told = cluster.finish(words_for(task, tmp_path))
    check_equal(tmp_path / "whole", task / "alone")
    assert "2 hosts: " in told
    assert "[pieces 4/4] piece " in told
    assert {line.split(" on ")[1].split(":")[0] for line in told.splitlines() if ": done in" in line} == {
        name for line in told.splitlines() if line.startswith("2 hosts") for name in line[9:].split(", ")
    }
    assert not cluster.pieces()


@pytest.mark.parametrize("victim", ["worker", "raylet"])
def test_a_killed_process_of_a_host_costs_its_piece_alone(
    cluster: Cluster, task: Path, tmp_path: Path, victim: str
) -> None:
    running = cluster.begin(words_for(task, tmp_path))
    wait_for(lambda: any("/worker/" in str(piece.cmdline()) for piece in cluster.pieces()))
    (piece,) = [piece for piece in cluster.pieces() if "/worker/" in str(piece.cmdline())]
    if victim == "worker":
        piece.parent().kill()
    else:
        cluster.kill("raylet/raylet", "/worker/session")
    wait_for(lambda: has_ended(piece.pid), 20)
    _, told = running.communicate(timeout=180)
    assert running.returncode == 0, told
    check_equal(tmp_path / "whole", task / "alone")
    assert ("its process ended" if victim == "worker" else "the host is gone") in told


def test_a_killed_driver_leaves_no_process_and_resumes(cluster: Cluster, task: Path, tmp_path: Path) -> None:
    words = words_for(task, tmp_path)
    running = cluster.begin(words)
    wait_for(lambda: len(list((tmp_path / "whole.parts").glob("*-of-4"))) >= 1)
    wait_for(cluster.pieces)
    running.kill()
    running.communicate()
    wait_for(lambda: not cluster.pieces(), 60)
    kept = len(list((tmp_path / "whole.parts").glob("*-of-4")))
    assert f"{kept} of 4 pieces were here already" in cluster.finish(words)
    check_equal(tmp_path / "whole", task / "alone")


def test_a_killed_head_ends_the_command_which_resumes(cluster: Cluster, task: Path, tmp_path: Path) -> None:
    words = words_for(task, tmp_path)
    running = cluster.begin(words)
    wait_for(lambda: list((tmp_path / "whole.parts").glob("*-of-4")))
    cluster.kill("gcs_server")
    cluster.kill("raylet/raylet")
    _, told = running.communicate(timeout=180)
    assert running.returncode == 2, told
    wait_for(lambda: not cluster.pieces(), 60)
    cluster.stop()
    cluster.head()
    cluster.worker()
    assert "were here already" in cluster.finish(words)
    check_equal(tmp_path / "whole", task / "alone")


def test_an_interruption_ends_every_process_and_resumes(cluster: Cluster, task: Path, tmp_path: Path) -> None:
    words = words_for(task, tmp_path)
    running = cluster.begin(words)
    wait_for(lambda: list((tmp_path / "whole.parts").glob("*-of-4")))
    wait_for(cluster.pieces)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=180)
    assert running.returncode == 130, told
    assert "the same command resumes there" in told
    assert not cluster.pieces()
    assert "were here already" in cluster.finish(words)
    check_equal(tmp_path / "whole", task / "alone")


def test_a_bundle_is_sent_once_and_evaluated(cluster: Cluster, bundle: Path, tmp_path: Path) -> None:
    words = ["accuracy", "--artifacts", str(bundle), "--images", str(tmp_path / "val"), "--threads", "1"]
    assert main([*words, "--output", str(tmp_path / "alone")]) == 0
    told = cluster.finish([*words, "--on", "ray", "--output", str(tmp_path / "whole")])
    assert re.findall(r"\[files \d/4\] (\S+) to 2 hosts", told)[-1] == "bundle.json"
    pd.testing.assert_frame_equal(table(tmp_path / "whole"), table(tmp_path / "alone"))
    assert "[files" not in cluster.finish([*words, "--on", "ray", "--output", str(tmp_path / "again")])


@pytest.fixture
def bundle(converted: Callable[..., Series], write_bundle: Callable[..., Path], tmp_path: Path) -> Path:
    """A bundle of one model with a user's checkpoint; beside it images of two classes of ImageNet."""
    card = zoo.card("gpunet/GPUNet-0")
    facts = converted(resolution=card.resolution, classes=card.classes)
    path = Path(facts.artifact_path)
    path.write_bytes(classifier(card.classes, 1, card.resolution, 0, 1.0).SerializeToString())
    for number, wnid in enumerate(("n01440764", "n01443537")):
        (tmp_path / "val" / wnid).mkdir(parents=True)
        for seed in range(100 * number, 100 * number + 35):
            Image.fromarray(picture(seed)).save(tmp_path / "val" / wnid / f"{seed}.png")
    return write_bundle(dataclasses.replace(facts, weights="file", artifact_sha256=file_sha256(path)))


def test_conversions_are_shared_out(cluster: Cluster, task: Path, tmp_path: Path) -> None:
    files = [word for name in ("net", "other") for word in ("--onnx", str(task / f"{name}.onnx"))]
    words = ["convert", *files, "--precision", "fp16"]
    cache = ["--cache-dir", str(tmp_path / "cache")]
    assert main([*words, *cache, "--export", str(tmp_path / "alone")]) == 0
    told = cluster.finish([*words, "--on", "ray", "--export", str(tmp_path / "whole")])
    assert "2 models of 2 pieces" in told
    alone, whole = (read_bundle(tmp_path / name) for name in ("alone", "whole"))
    assert {one.identity: one.artifact for one in alone.models} == {one.identity: one.artifact for one in whole.models}
    assert all(one.artifact for one in whole.models)


QUICK = ["--rounds", "2", "--block-ms", "2", "--block-groups", "1", "--half-width", "0"]


def run_words(task: Path, output: Path, *options: str) -> list[str]:
    files = [word for name in "abcd" for word in ("--onnx", f"{name}={task / f'{name}.onnx'}")]
    return ["run", *files, *QUICK, "--output", str(output), "--on", "ray", *options]


@pytest.fixture
def four(task: Path) -> Path:
    """A folder with four networks."""
    for seed, name in enumerate("abcd", start=5):
        (task / f"{name}.onnx").write_bytes(classifier(7, 1, 16, seed, 1.0).SerializeToString())
    return task


def test_hosts_of_one_environment_share_the_models_of_a_run(cluster: Cluster, four: Path, tmp_path: Path) -> None:
    told = cluster.finish(run_words(four, tmp_path / "whole", "--threads", "1", "--spread", "1e6"))
    (folder,) = (tmp_path / "whole").iterdir()
    rows = pd.read_csv(folder / "results.csv", keep_default_na=False, dtype=str)
    assert list(rows.model) == [f"onnx/{name}" for name in "abcd"]
    assert set(rows.status) == {"ok"}
    assert set(rows.trials_count) == {"2"}
    assert set(rows.environment_id) == {folder.name}
    assert len({line.split(" on ")[1].split(":")[0] for line in told.splitlines() if ": done in" in line}) == 2
    assert (folder / "report.html").is_file()


def test_each_environment_measures_all_models(cluster: Cluster, four: Path, tmp_path: Path) -> None:
    cluster.third_of_one_core()
    told = cluster.finish(run_words(four, tmp_path / "whole", "--spread", "1e6"))
    folders = sorted(path for path in (tmp_path / "whole").iterdir() if path.is_dir())
    assert len(folders) == 2
    for folder in folders:
        rows = pd.read_csv(folder / "results.csv", keep_default_na=False, dtype=str)
        assert list(rows.model) == [f"onnx/{name}" for name in "abcd"]
        assert set(rows.environment_id) == {folder.name}
    assert "all environments in one page: python -m reports html" in told
