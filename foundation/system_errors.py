"""What errors of the operating system mean for the user; the caller's message says what to do."""

from __future__ import annotations

import errno

# The kernel's errors when nothing more can be stored: a full disk, a quota, a limit on file size.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


def is_out_of_space(error: OSError) -> bool:
    """Whether there was no room for the data to be written."""
    return error.errno in _NO_SPACE


def is_not_allowed(error: OSError) -> bool:
    """Whether this user lacks the permission."""
    return error.errno in _NOT_ALLOWED
