"""The flag that an x86 processor raises when it computes with a subnormal number.

Bit 1 of the register MXCSR (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 10.2.3) is
raised by any SSE or AVX operation of the thread that takes a subnormal number, and stays raised until it is cleared. It
costs nothing to look there before counting anything.
"""

from __future__ import annotations

import ctypes
import platform
import sys

_DENORMAL = 0x02
_MXCSR = 7
"""Position of the register in glibc's and musl's `fenv_t` on x86-64, which has 32 bytes: seven words of the x87, then
this."""
_WORDS = 8


class DenormalFlag:
    """The flag of the present thread; `raised` is None where it cannot be read."""

    def __init__(self) -> None:
        """Clears the flag."""
        self._library = _mathematics()
        if self._library is not None:
            state = self._state()
            state[_MXCSR] &= ~_DENORMAL
            self._library.fesetenv(state)

    def raised(self) -> bool | None:
        """Whether the thread has computed with a subnormal number since."""
        return None if self._library is None else bool(self._state()[_MXCSR] & _DENORMAL)

    def _state(self) -> ctypes.Array[ctypes.c_uint32]:
        assert self._library is not None
        state = (ctypes.c_uint32 * _WORDS)()
        self._library.fegetenv(state)
        return state


def _mathematics() -> ctypes.CDLL | None:
    """The library with the functions that read and write the register; None on other systems and processors."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.maxsize < 2**32:
        return None
    for name in ("libm.so.6", "libc.so"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        if hasattr(library, "fegetenv") and hasattr(library, "fesetenv"):
            return library
    return None
