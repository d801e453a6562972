from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from foundation.endings import Remedies, ended, over_memory, over_time, says_out_of_memory

REMEDIES = Remedies(time="give --timeout", memory="give --memory")

posix = pytest.mark.skipif(os.name != "posix", reason="Signals are POSIX.")


def exit_code_of(code: str) -> int:
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_an_exit_code_is_stated_with_what_was_said() -> None:
    assert ended("build", exit_code_of("raise SystemExit(3)"), REMEDIES, "oh no") == (
        "failed",
        "The build's process ended with exit code 3 and left no result. It said: oh no",
    )
    assert ended("build", 0, REMEDIES) == ("failed", "The build's process ended with exit code 0 and left no result.")


@posix
def test_a_crash_has_the_name_of_its_signal() -> None:
    assert ended("build", exit_code_of("import os; os.abort()"), REMEDIES) == (
        "failed",
        "The build's process crashed with SIGABRT.",
    )
    unnamed = -int(signal.SIGRTMAX) + 1
    assert ended("build", unnamed, REMEDIES)[1] == f"The build's process crashed with signal {-unnamed}."


@posix
def test_a_process_that_the_kernel_kills_ran_out_of_memory() -> None:
    code = exit_code_of("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert ended("build", code, REMEDIES) == (
        "out_of_memory",
        "The build's process was killed by SIGKILL, which the kernel does when memory runs out; give --memory.",
    )


@pytest.mark.parametrize("tail", ["terminate called after throwing an instance of 'std::bad_alloc'", "MemoryError"])
def test_an_uncaught_failure_of_allocation_is_out_of_memory(tail: str) -> None:
    assert ended("build", -6, REMEDIES, tail) == (
        "out_of_memory",
        f"The build's process ran out of memory; give --memory. It said: {tail}",
    )


def test_without_signals_the_exit_code_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGKILL")
    monkeypatch.setattr(os, "name", "nt")
    assert ended("build", -9, REMEDIES) == ("failed", "The build's process ended with exit code -9 and left no result.")


def test_a_limit_is_stated_with_what_to_do() -> None:
    assert over_time("build", 60.0, REMEDIES, "so far") == (
        "timeout",
        "The build did not end within 60 s; give --timeout. It said: so far",
    )
    assert over_memory("build", 200, REMEDIES) == ("out_of_memory", "The build took more than 200 MiB; give --memory.")


@pytest.mark.parametrize(
    ("text", "out_of_memory"),
    [
        ("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate", True),
        ("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer", True),
        ("std::bad_alloc", True),
        ("CUDA error: out of memory", True),
        ("not enough memory: you tried to allocate 10 bytes", True),
        ("no kernel of that name", False),
    ],
)
def test_words_of_a_failed_allocation(text: str, out_of_memory: bool) -> None:
    assert says_out_of_memory(text) == out_of_memory
