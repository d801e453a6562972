from __future__ import annotations

import platform
import sys

import numpy as np
import pytest

from harness.machine import denormal_flag
from harness.machine.denormal_flag import DenormalFlag

ON_X86_LINUX = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.mark.skipif(not ON_X86_LINUX, reason="the flag is that of x86-64 processors, read on Linux")
@pytest.mark.parametrize(("number", "raised"), [(1e-40, True), (1.0, False), (0.0, False)])
def test_the_flag_is_raised_by_subnormal_numbers(number: float, raised: bool) -> None:
    numbers = np.full(1000, number, np.float32)
    flag = DenormalFlag()
    assert flag.raised() is False
    _ = numbers * np.float32(0.5)
    assert flag.raised() is raised
    assert DenormalFlag().raised() is False


def test_elsewhere_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denormal_flag.platform, "machine", lambda: "aarch64")
    assert DenormalFlag().raised() is None
