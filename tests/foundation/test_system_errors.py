from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from foundation.system_errors import is_not_allowed, is_out_of_space


@pytest.mark.parametrize(
    ("number", "out_of_space", "not_allowed"),
    [
        (errno.ENOSPC, True, False),
        (errno.EDQUOT, True, False),
        (errno.EFBIG, True, False),
        (errno.EACCES, False, True),
        (errno.EPERM, False, True),
        (errno.EROFS, False, True),
        (errno.EIO, False, False),
        (errno.ENOENT, False, False),
    ],
)
def test_what_an_error_of_the_system_means(number: int, out_of_space: bool, not_allowed: bool) -> None:
    error = OSError(number, os.strerror(number))
    assert (is_out_of_space(error), is_not_allowed(error)) == (out_of_space, not_allowed)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_a_full_device_is_out_of_space() -> None:
    with pytest.raises(OSError, match="No space") as raised:
        Path("/dev/full").write_text("a")
    assert is_out_of_space(raised.value)
