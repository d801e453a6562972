from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.runs.protocols import PROTOCOLS, with_protocol
from harness.runs.request import RunRequest

OPEN = {"backend": None, "precision": None, "batch": None, "cuda_graph": None}


def test_without_a_protocol_what_is_left_open_keeps_its_default() -> None:
    request = with_protocol(RunRequest(), None, {**OPEN, "batch": 8, "cuda_graph": True})
    assert (request.wanted.backend, request.wanted.precision, request.wanted.batch) == ("onnxruntime", "fp32", 8)
    assert request.gpu.cuda_graph
    assert request.protocol == ""


def test_a_protocol_fixes_its_settings() -> None:
    request = with_protocol(RunRequest(rounds=2), "gpunet-paper", OPEN)
    assert (request.wanted.backend, request.wanted.precision, request.wanted.batch) == ("tensorrt", "fp16", 1)
    assert not request.gpu.cuda_graph
    assert request.protocol == "gpunet-paper"
    assert request.rounds == 2


def test_saying_what_the_protocol_says_anyway_is_not_a_contradiction() -> None:
    assert with_protocol(RunRequest(), "gpunet-paper", {**OPEN, "precision": "fp16"}).wanted.precision == "fp16"


@pytest.mark.parametrize(
    ("option", "value"), [("backend", "onnxruntime"), ("precision", "fp32"), ("batch", 2), ("cuda_graph", True)]
)
def test_a_contradiction_names_the_option(option: str, value: object) -> None:
    with pytest.raises(HarnessError, match=option.replace("_", "-")):
        with_protocol(RunRequest(), "gpunet-paper", {**OPEN, option: value})


def test_every_protocol_names_its_source() -> None:
    assert all("arXiv" in protocol.stated_in for protocol in PROTOCOLS.values())
