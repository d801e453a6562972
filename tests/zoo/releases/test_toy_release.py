"""A release of the tests' own, from its repository to its comparison: nothing in between is a fake."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys

import pytest
import torch

from tests.fakes.releases import commit
from tests.fakes.toy_worker import NETWORK, own_definition, toy_card
from zoo.releases.checkout import check_out
from zoo.releases.comparison import compare
from zoo.releases.process import Limits, run
from zoo.releases.worker import Job

RELEASED = (
    NETWORK
    + """
class Released(Network):
    def forward(self, x):
        return super().forward(x), None

def build():
    import os
    assert os.environ["TOY_SETTING"] == "7"
    return Released()
"""
)
COMMAND = (sys.executable, "-m", "tests.fakes.toy_worker")
LIMITS = Limits(timeout_s=120)


@pytest.fixture
def release(upstream, tmp_path, monkeypatch):
    """Commits original code, checks it out, and has a worker build it; the checkout and how the worker ended."""

    def built(code: str, operators_by: str = ""):
        pin = upstream.pin("toy", commit=commit(upstream.folder, {"toy/network.py": code}))
        folder = check_out(pin, tmp_path / "cache")
        monkeypatch.setenv("TOY_COMMIT", pin.commit)
        job = Job("toy/toy", "release", str(tmp_path / "cache"), operators_by)
        return folder, run(job, LIMITS, command=COMMAND)

    return built


@pytest.fixture(scope="module")
def own():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOY_COMMIT", "0" * 40)
        return run(Job("toy/toy", "own", operators_by="converters.operators:count"), LIMITS, command=COMMAND)


def without_operators(outcome):
    return dataclasses.replace(outcome, facts=dataclasses.replace(outcome.facts, operators=None))


def test_a_release_that_computes_the_same_is_equal_graph_included(own, release):
    folder, original = release(RELEASED, "converters.operators:count")
    row = compare(toy_card(), own, original)
    assert (row.status, row.reason) == ("equal", "")
    assert row.signature_equal
    assert row.logits_error == 0.0
    assert row.parameters_own == row.parameters_release == 3 * 4 * 9 + 4 + 4 * 5 + 5
    assert row.macs_own == row.macs_release == 14 * 14 * 4 * 27 + 20
    assert row.operators_equal
    assert row.operators_own["Conv"] == 1
    assert list(folder.rglob("*.pyc")) == []


def test_a_release_that_computes_something_else_is_not(own, release):
    _, original = release(RELEASED.replace("relu()", "tanh()"))
    row = compare(toy_card(), without_operators(own), original)
    assert row.status == "different"
    assert row.reason.startswith("logits differ by ")
    assert row.signature_equal


def test_a_release_with_another_tensor_is_reported_by_its_name(own, release):
    _, original = release(RELEASED.replace("nn.Conv2d(3, 4, 3)", "nn.Conv2d(3, 4, 3, bias=False)"))
    row = compare(toy_card(), without_operators(own), original)
    assert "only the own definition has conv.bias" in row.reason
    assert "numbers of parameters differ" in row.reason


@pytest.mark.parametrize(
    ("deed", "status", "reason"),
    [
        ("__import__('urllib.request').request.urlopen('http://127.0.0.1:9/')", "failed", "may not reach the network"),
        ("open(__file__, 'a')", "failed", "may not write into its own checkout"),
        ("raise ValueError('no such\\nmodel')", "failed", "ValueError: no such"),
        ("import a_package_of_2019", "unsupported", "No module named 'a_package_of_2019'"),
        ("import os; os._exit(5)", "failed", "ended with exit code 5"),
    ],
)
def test_a_release_that_does_not_run_is_reported_with_the_reason(release, deed, status, reason):
    _, original = release(f"{deed}\n")
    assert original.status == status
    assert reason in original.reason


def test_released_weights_are_those_of_the_original_code_and_recorded_so(upstream, tmp_path, monkeypatch):
    pin = upstream.pin("toy", commit=commit(upstream.folder, {"toy/network.py": RELEASED}))
    check_out(pin, tmp_path / "cache")
    monkeypatch.setenv("TOY_COMMIT", pin.commit)
    trained = own_definition(toy_card())
    file = tmp_path / "mirror" / "releases.invalid" / "toy.pth"
    file.parent.mkdir(parents=True)
    torch.save({"state_dict": trained.module.state_dict()}, file)

    asked = [*COMMAND, "--provenance", str(tmp_path / "cache"), str(tmp_path / "mirror")]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["implementation"] == "release"
    assert made["original_code"]["toy"] == pin.commit
    assert made["weights"]["kind"] == "released"
    assert made["weights"]["sha256"] == trained.weights_sha256()
    assert made["weights"]["checkpoint"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert made["weights"]["checkpoint"]["url"] == toy_card().checkpoint.url

    torch.save({"state_dict": {"conv.weight": torch.zeros(3)}}, file)
    (tmp_path / "cache" / "checkpoints").rename(tmp_path / "aside")
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "does not fit toy/toy: missing" in done.stderr.splitlines()[-1]
