from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.onnxruntime.file_versions import readable_ir_version


def test_the_runtime_itself_says_which_versions_it_reads(write_network: Callable[..., Path]) -> None:
    newest = readable_ir_version(99)
    assert 8 <= newest < 99
    assert [readable_ir_version(version) for version in (3, 8, newest)] == [3, 8, newest]
    onnxruntime.InferenceSession(write_network(ir_version=newest))
    with pytest.raises(Exception, match="Unsupported model IR version"):
        onnxruntime.InferenceSession(write_network(ir_version=newest + 1))
    assert OnnxRuntimeBackend().readable_ir_version(newest + 1) == newest
