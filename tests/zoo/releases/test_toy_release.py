"""A release of the tests' own, from its repository to its comparison: nothing in between is a fake."""

from __future__ import annotations

import sys

import pytest

from tests.fakes.releases import URL, commit
from tests.fakes.toy_worker import NETWORK
from zoo.releases.checkout import check_out
from zoo.releases.comparison import compare
from zoo.releases.pins import Pin
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


@pytest.fixture
def toy(upstream, tmp_path, monkeypatch):
    """Commits original code, checks it out, and runs both implementations."""

    def compared(code: str, operators_by: str = ""):
        monkeypatch.setenv("TOY_COMMIT", commit(upstream.folder, {"toy/network.py": code}))
        pin = Pin("toy", URL, upstream.head(), ("toy",))
        folder = check_out(pin, tmp_path / "cache")
        jobs = (Job("toy/toy", name, str(tmp_path / "cache"), operators_by) for name in ("own", "release"))
        own, release = (run(job, Limits(timeout_s=120), command=COMMAND) for job in jobs)
        assert own.facts is not None, own.reason

        return compare(toy_card(), own, release), folder

    from tests.fakes.toy_worker import toy_card

    return compared


def test_a_release_that_computes_the_same_is_equal_graph_included(toy):
    row, folder = toy(RELEASED, "converters.operators:count")
    assert (row.status, row.reason) == ("equal", "")
    assert row.signature_equal
    assert row.logits_error == 0.0
    assert row.parameters_own == row.parameters_release == 3 * 4 * 9 + 4 + 4 * 5 + 5
    assert row.macs_own == row.macs_release == 14 * 14 * 4 * 27 + 20
    assert row.operators_equal
    assert row.operators_own["Conv"] == 1
    assert list(folder.rglob("*.pyc")) == []


def test_a_release_that_computes_something_else_is_not(toy):
    row, _ = toy(RELEASED.replace("relu()", "tanh()"))
    assert row.status == "different"
    assert row.reason.startswith("logits differ by ")
    assert row.signature_equal


def test_a_release_with_another_tensor_is_told_by_its_name(toy):
    row, _ = toy(RELEASED.replace("self.conv = nn.Conv2d(3, 4, 3)", "self.conv = nn.Conv2d(3, 4, 3, bias=False)"))
    assert "only the own definition has conv.bias" in row.reason
    assert "numbers of parameters differ" in row.reason


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("__import__('urllib.request').request.urlopen('http://127.0.0.1:9/weights')", "may not reach the network"),
        ("open(__file__, 'a')", "may not write into its own checkout"),
        ("raise ValueError('no such\\nmodel')", "release: ValueError: no such"),
        ("import a_package_of_2019", "No module named 'a_package_of_2019'"),
        ("import os; os._exit(5)", "ended with code 5"),
    ],
)
def test_a_release_that_does_not_run_is_told_why(toy, deed, reason):
    row, _ = toy(f"{deed}\n")
    assert row.status in ("failed", "unsupported")
    assert reason in row.reason
