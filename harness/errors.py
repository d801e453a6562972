"""Every error of the harness that a user can act on, and the exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foundation.vocabulary import Status

EXIT_SUCCESS = 0
EXIT_FAILED_ROWS = 1
EXIT_BAD_REQUEST = 2
EXIT_FAULT = 70
"""A bug in this program, with a traceback (EX_SOFTWARE of sysexits.h)."""
EXIT_NOT_STORED = 74
"""Exit code of a measuring process that could not write what it measured (EX_IOERR of sysexits.h).

Its last line of output is a message for the user. The disk failed, not the trial, which must be measured again.
"""
EXIT_INTERRUPTED = 130


class HarnessError(Exception):
    """The request cannot be carried out; the message says what to do about it."""

    exit_code = EXIT_BAD_REQUEST


class StorageError(HarnessError):
    """A file of the run could not be written or read."""


class RunLockedError(HarnessError):
    """Another process writes to the run directory."""


class BundleError(HarnessError):
    """The folder cannot be measured or written to as it is."""


class UnknownBackendError(HarnessError):
    """There is no backend with this name."""


class ArtifactError(HarnessError):
    """The artifact cannot be measured as it is."""


class UnsupportedError(HarnessError):
    """The backend cannot do what was requested on this machine."""


class FallbackError(HarnessError):
    """The runtime silently did something other than what was requested."""


class NoGpuError(UnsupportedError):
    """This machine has no usable GPU, or its driver cannot be used."""


class CudaError(HarnessError):
    """A call to the CUDA driver failed."""


class CudaOutOfMemoryError(CudaError):
    """The GPU has too little free memory."""


class NvmlUnavailableError(HarnessError):
    """The management library cannot be used on this machine, or does not know the device."""


class EnergyUnavailableError(HarnessError):
    """The system reports no energy of a part of this machine, or not to this user."""


class SharedGpuError(HarnessError):
    """The GPU was requested for exclusive use, but others use it, or this cannot be determined."""


class DeviceBusyError(HarnessError):
    """Another process is timing on the device, and the user does not want to wait."""


class AccuracyError(HarnessError):
    """Accuracy cannot be measured as requested; the message names the file and says what to do about it."""


class UnreadableFileError(AccuracyError):
    """The file of one image cannot be read; the others can."""


class ComparisonError(HarnessError):
    """The given runs cannot be compared; the message names the file and says what to do."""


class InstallationError(HarnessError):
    """A version of a package cannot be installed; the message says why, and where pip's output is."""


class MergeError(HarnessError):
    """The given folders cannot be put together; the message names the folder and says what to do."""


class HostsError(HarnessError):
    """A command cannot be carried to other hosts, or what they answered cannot be used; the message says what to do."""


class PiecesFailedError(HostsError):
    """Some pieces of a command failed on every host; the message has the reasons."""

    exit_code = EXIT_FAILED_ROWS


class HistoryError(HarnessError):
    """The history cannot be read or extended; the message names the file and says what to do."""


class ProfileError(HarnessError):
    """The one requested model could not be converted or profiled."""

    exit_code = EXIT_FAILED_ROWS


class ChildError(Exception):
    """A child process could not do what was requested, or ended."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status: Status = status
