from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.tensorrt.logs import LogTail, explanatory, logging_to, open_log
from tests.fakes.tensorrt import RTX, VERSIONS, TensorRtScript, make_module


def test_a_full_disk_and_a_closed_file_affect_only_the_file() -> None:
    for path, closed in ((Path("/dev/full"), False), (Path("/dev/null"), True)):
        file = open_log(path)
        if closed:
            file.close()
        tail = LogTail(file)
        tail.add("ERROR", "Out of memory")
        assert tail.out_of_memory
        assert tail.lines() == ["[ERROR] Out of memory"]


@pytest.mark.parametrize("version", [*VERSIONS, RTX])
def test_a_process_has_one_logger_and_every_open_tail_its_messages(version: str) -> None:
    trt = make_module(TensorRtScript(version=version))
    severity = trt.ILogger.Severity
    first, second = LogTail(), LogTail()
    with logging_to(trt, first) as logger:
        logger.log(severity.INFO, "one")
        with logging_to(trt, second) as again:
            assert again is logger
            logger.log(severity.WARNING, "two")
            logger.log(severity.VERBOSE, "not kept")
    logger.log(severity.ERROR, "nobody listens")
    assert first.lines() == ["[INFO] one", "[WARNING] two"]
    assert second.lines() == ["[WARNING] two"]
    assert second.warnings() == ("two",)


def test_a_warning_is_kept_once() -> None:
    tail = LogTail()
    for text in ("a", "b", "a"):
        tail.add("WARNING", text)
    assert tail.warnings() == ("a", "b")


def test_what_a_missing_driver_adds_to_an_error_is_left_out() -> None:
    noise = "[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (cudaError 35: CUDA driver version)"
    assert explanatory(f"Invalid Node - a\n  has type Int32\n{noise}\n") == "Invalid Node - a has type Int32"
    tail = LogTail()
    tail.add("ERROR", "Invalid Node - a")
    tail.add("ERROR", noise)
    assert tail.explanation() == " TensorRT said: [ERROR] Invalid Node - a"
    assert len(tail.lines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "no implementation due to insufficient workspace",
        "Please increase the workspace memory provided to the builder",
        "no tactics to implement the operation within workspace limit. Consider increase the allowed workspace size",
    ],
)
def test_too_little_workspace_is_recognised_in_the_words_of_each_version(text: str) -> None:
    tail = LogTail()
    tail.add("ERROR", text)
    assert tail.wants_workspace
