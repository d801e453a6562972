"""Many conversions, each in its own process: one that crashes, hangs or eats memory fails alone."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from converters import servers
from converters.artifact import Artifact, ArtifactStore
from converters.network_file import prepare
from converters.precision import derive_as_requested, find
from converters.request import ConversionRequest, key_of, package_of
from foundation.child import die_first, memory_peak_mib
from foundation.endings import Remedies, ended, over_memory, over_time, says_out_of_memory
from foundation.garbage import collector_off
from foundation.privacy import leave_no_settings
from foundation.replacing import replace_json
from foundation.units import BYTES_PER_MIB
from foundation.vocabulary import RELEASE, Status
from foundation.wording import first_line

if TYPE_CHECKING:
    from zoo.native import NativeModel

_POLL_S = 0.5
_LOG_TAIL_CHARACTERS = 600
_WORK = "conversion"
_REMEDIES = Remedies(time="allow it more time (--conversion-timeout)", memory="use fewer --workers")
_UNSUPPORTED = ("MissingPackageError", "MissingSourcesError")


@dataclasses.dataclass(frozen=True)
class Conversion:
    """The outcome of one request."""

    request: ConversionRequest
    status: Status
    """`ok`, `failed`, `timeout`, `out_of_memory` or `unsupported`."""
    reason: str = ""
    artifact: Artifact | None = None
    cached: bool = False
    seconds: float = 0.0
    memory_peak_mib: float | None = None
    """Largest resident set of the conversion's process, PyTorch included; None if unknown."""


@dataclasses.dataclass(frozen=True)
class PoolSettings:
    """Limits of the conversions."""

    workers: int = 0
    """Conversions at a time; one per physical core by default."""
    timeout_s: float = 900.0
    recalibration_timeout_s: float = 4 * 3600.0
    """Added to `timeout_s` when a network is recalibrated: thousands of images are decoded and run through it."""
    memory_limit_mib: int = 0
    """Resident memory limit of a conversion; by default an equal share of nine tenths of the free memory."""

    def resolved(self) -> PoolSettings:
        """A copy with defaults filled in from the machine."""
        workers = self.workers or psutil.cpu_count(logical=False) or 1
        memory = self.memory_limit_mib or int(psutil.virtual_memory().available / BYTES_PER_MIB * 0.9 / workers)
        return dataclasses.replace(self, workers=workers, memory_limit_mib=memory)


def _exit_with(parent_pid: int) -> None:
    """Ends this process when the one that requested it is gone.

    The kernel's mechanism (`foundation.child.end_with_parent`) would end it with its parent, which is the server that
    it was forked from.
    """
    while psutil.pid_exists(parent_pid):
        time.sleep(1.0)
    os._exit(1)


def load_native(request: ConversionRequest, store: ArtifactStore) -> NativeModel:
    """The network of a request, with its weights.

    Raises:
        ZooError: the network cannot be built, or its weights are unavailable or do not fit.
    """
    import zoo
    from zoo import own

    if request.is_own:
        return own.load(request.model, request.resolution, request.preprocessing)
    return zoo.load(
        request.card(),
        request.released or request.weights,
        calibration_images=request.recalibration_images,
        implementation=request.implementation,
        cache_dir=store.root.parent,
    )


def _made(request: ConversionRequest, store: ArtifactStore) -> Artifact:
    """The artifact; the fp32 artifact is made first if it is not in the store."""
    base = request.in_fp32()
    source = find(base, store)
    if source is None:
        source = _exported(base, store) if request.file is None else prepare(request, store)
    return derive_as_requested(source, request, store)


def _exported(request: ConversionRequest, store: ArtifactStore) -> Artifact:
    """The fp32 artifact of a network, exported."""
    from converters.convert import convert_native

    server = _server(request)
    servers.use_one_thread(server)
    # PyTorch leaves little in cycles, and to look for it takes a fortieth of the time. A user's network may leave more.
    spared = server == "pytorch" and not request.is_own
    with collector_off() if spared else contextlib.nullcontext():
        return convert_native(load_native(request, store), request, store, key_of(request))


def _child(request: ConversionRequest, folder: str, cache_dir: str, parent_pid: int) -> None:
    """Runs one conversion; writes `result.json` into `folder`, and the output to `log` there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Memory may run out between two checks.
    die_first()
    log = os.open(Path(folder, "log"), os.O_CREAT | os.O_WRONLY, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    threading.Thread(target=_exit_with, args=(parent_pid,), daemon=True).start()
    # A server without a framework, and a platform without servers, have not imported Keras yet.
    leave_no_settings()
    # What the server imported stays as long as this process: no collection need look at it.
    gc.freeze()
    result: dict[str, Any]
    try:
        artifact = _made(request, ArtifactStore(Path(cache_dir)))
        result = {
            "status": "ok",
            "reason": "",
            "path": str(artifact.path),
            "provenance": dict(artifact.provenance),
        }
    except MemoryError as error:
        result = {"status": "out_of_memory", "reason": f"the conversion ran out of memory: {error}"}
    except ImportError as error:
        result = {"status": "unsupported", "reason": f"{error}; pip install 'baseline-zoo[all]'"}
    except Exception as error:
        result = _failure(error)
    result["memory_peak_mib"] = memory_peak_mib()
    replace_json(Path(folder, "result.json"), result)


def _failure(error: Exception) -> dict[str, Any]:
    kind = type(error).__name__
    text = str(error).strip() or repr(error)
    if kind in _UNSUPPORTED:
        return {"status": "unsupported", "reason": text}
    if says_out_of_memory(text):
        return {
            "status": "out_of_memory",
            "reason": f"the conversion ran out of memory: {first_line(error)}",
        }
    known = type(error).__module__.split(".")[0] in ("zoo", "converters")
    return {"status": "failed", "reason": text if known else f"{kind}: {text}"}


@dataclasses.dataclass
class _Job:
    """A running conversion."""

    request: ConversionRequest
    folder: tempfile.TemporaryDirectory[str]
    process: Any
    started: float
    verdict: tuple[Status, str] | None = None

    def over_limits(self, settings: PoolSettings) -> tuple[Status, str] | None:
        """Status and reason if the conversion exceeds a limit."""
        allowed_s = settings.timeout_s
        if self.request.recalibration_images:
            allowed_s += settings.recalibration_timeout_s
        if time.monotonic() - self.started > allowed_s:
            return over_time(_WORK, allowed_s, _REMEDIES)
        try:
            used_mib = psutil.Process(self.process.pid).memory_info().rss / BYTES_PER_MIB
        except psutil.Error:
            return None
        if used_mib > settings.memory_limit_mib:
            return over_memory(_WORK, settings.memory_limit_mib, _REMEDIES)
        return None

    def finish(self) -> Conversion:
        """The outcome, from the conversion's result, or from how its process ended."""
        folder = Path(self.folder.name)
        seconds = time.monotonic() - self.started
        try:
            result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            result = None
        if result is None or self.verdict:
            status, reason = self.verdict or self._crash(folder / "log")
            conversion = Conversion(self.request, status, reason, seconds=seconds)
        else:
            artifact = Artifact(Path(result["path"]), result["provenance"]) if result["status"] == "ok" else None
            conversion = Conversion(
                self.request,
                result["status"],
                result["reason"],
                artifact,
                seconds=seconds,
                memory_peak_mib=result["memory_peak_mib"],
            )
        self.folder.cleanup()
        return conversion

    def _crash(self, log: Path) -> tuple[Status, str]:
        tail = log.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip() if log.exists() else ""
        return ended(_WORK, self.process.exitcode, _REMEDIES, tail)


def expect(requests: Iterable[ConversionRequest]) -> None:
    """Prepares for requests that will follow: what they import is imported once.

    Args:
        requests: all of them, as far as they are known before the first conversion.
    """
    usual = (one for one in requests if one.file is None and not one.is_own and one.implementation != RELEASE)
    servers.expect({package_of(request.card()) for request in usual})


def convert_many(
    requests: Sequence[ConversionRequest],
    cache_dir: Path,
    settings: PoolSettings | None = None,
) -> Iterator[Conversion]:
    """Converts every request, several at a time, and yields each as it ends.

    Requests that the cache can answer are yielded at once; requests that share one artifact are converted once. On
    an exception in the consumer, Ctrl-C included, running conversions are killed.

    Args:
        requests: the requests, costliest first for the shortest total time.
        cache_dir: where artifacts are kept.
        settings: limits.
    """
    limits = (settings or PoolSettings()).resolved()
    store = ArtifactStore(cache_dir)
    waiting: list[tuple[ConversionRequest, str]] = []
    followers: dict[str, list[ConversionRequest]] = {}
    for request in requests:
        if found := find(request, store):
            yield Conversion(request, "ok", artifact=found, cached=True)
            continue
        group = repr((key_of(request) or request.model, dataclasses.replace(request, model="")))
        if group in followers:
            followers[group].append(request)
        else:
            followers[group] = []
            waiting.append((request, group))
    expect(request for request, _ in waiting)
    running: list[tuple[_Job, str]] = []
    try:
        while waiting or running:
            while waiting and len(running) < limits.workers:
                request, key = waiting.pop(0)
                running.append((_start(request, store), key))
            connection.wait([job.process.sentinel for job, _ in running], timeout=_POLL_S)
            for job, key in list(running):
                if job.process.is_alive():
                    job.verdict = job.verdict or job.over_limits(limits)
                    if job.verdict:
                        job.process.kill()
                    continue
                running.remove((job, key))
                conversion = job.finish()
                yield conversion
                for follower in followers[key]:
                    yield dataclasses.replace(conversion, request=follower, seconds=0.0)
    finally:
        for job, _ in running:
            job.process.kill()
            job.process.join()
            job.folder.cleanup()


def _server(request: ConversionRequest) -> str:
    """The server that a conversion is forked from."""
    if request.file is not None:
        return servers.NO_FRAMEWORK
    if request.implementation == RELEASE:
        # Original code may need its own version of what a server has imported, and variables set before the import.
        return servers.NO_FRAMEWORK
    return "pytorch" if request.is_own else request.card().release.framework


def _start(request: ConversionRequest, store: ArtifactStore) -> _Job:
    folder = tempfile.TemporaryDirectory(prefix="baseline-zoo-")
    server = servers.NO_FRAMEWORK if find(request.in_fp32(), store) else _server(request)
    process = servers.start(server, _child, (request, folder.name, str(store.root.parent), os.getpid()))
    return _Job(request, folder, process, time.monotonic())
