"""What the operating system's errors mean for the user, whatever the message then says to do."""

from __future__ import annotations

import errno

# What the kernel says where no more can be stored: the disk, a quota, a limit on file size.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


def is_out_of_space(error: OSError) -> bool:
    """Whether there is no room for what was to be written."""
    return error.errno in _NO_SPACE


def is_not_allowed(error: OSError) -> bool:
    """Whether this user may not do it."""
    return error.errno in _NOT_ALLOWED
