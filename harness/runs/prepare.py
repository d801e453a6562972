"""A run directory with the series of a request in it, converted and built."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.wording import counted
from harness import backends
from harness.artifacts import reference
from harness.artifacts.bundle import Bundle, read_bundle
from harness.artifacts.conversions import all_stored, announce, bundled_series, convert_variants
from harness.artifacts.converting import Say
from harness.artifacts.engines import build_engines
from harness.artifacts.reference import reference_file
from harness.backends.backend import Backend
from harness.backends.device import Device
from harness.errors import HarnessError
from harness.processes.build import BuildResult
from harness.processes.target import Target
from harness.records.directory import RunDirectory
from harness.records.rows import Row
from harness.records.run_info import is_run
from harness.records.series import Measurement, Series
from harness.runs.early import in_order, parts
from harness.runs.plan import measurable
from harness.runs.request import RunRequest
from harness.text.console import each_once


@dataclasses.dataclass(frozen=True)
class PreparedRun:
    """A run directory with the series of a request in it, converted and built."""

    directory: RunDirectory
    series: list[Series]
    """Series of the request; the directory may hold others from earlier sessions."""
    reference_path: Path
    devices: Mapping[str, Device]
    """By backend, what its series are measured on."""
    cache_dir: Path
    """Where artifacts and engines are kept."""
    bundle_dir: Path | None
    """The bundle that is measured, which may have engines; None if models are converted here."""

    def target(self, series: Series) -> Target:
        """A series as it is measured."""
        device = self.devices[series.backend]
        return series.target(device.threads, device.gpu, self.cache_dir)

    def reference_target(self, backend: str) -> Target:
        """The reference network as it is measured beside series of a backend: in float32, image by image."""
        device = self.devices[backend]
        return Target(
            artifact=str(self.reference_path),
            sha256="",
            backend=device.backend.reference_backend or backend,
            precision="fp32",
            batch=1,
            threads=device.threads,
            gpu=device.gpu,
            cache_dir=str(self.cache_dir),
        )

    def rows(self) -> list[Row]:
        """The rows of the series, as they are now."""
        wanted = {one.key for one in self.series}
        directory = self.directory
        return [row for one, row in zip(directory.series(), directory.rows(), strict=True) if one.key in wanted]


def with_engines(ready: PreparedRun, timeout_s: float, say: Say, workers: int = 0) -> PreparedRun:
    """Returns the run with its engines built, for the backends that build any; failures are rows too.

    Args:
        ready: the run.
        timeout_s: limit for one engine.
        say: prints a line for the user.
        workers: builds at a time if the backend builds side by side; the number of physical cores if 0.

    Raises:
        HarnessError: the reference network cannot be built, so that nothing could be measured.
    """
    failed: dict[Measurement, BuildResult] = {}
    for device in ready.devices.values():
        if device.backend.builds_engines:
            failed |= _failed_builds(ready, device.backend, timeout_s, say, workers)
    return dataclasses.replace(ready, series=[_with_build(one, failed) for one in ready.series])


def _failed_builds(
    ready: PreparedRun, backend: Backend, timeout_s: float, say: Say, workers: int
) -> dict[Measurement, BuildResult]:
    """Builds the engines of one backend; returns what could not be built.

    Raises:
        HarnessError: see `with_engines`.
    """
    bundle_dir = str(ready.bundle_dir or "")
    reference = dataclasses.replace(ready.reference_target(backend.name), bundle_dir=bundle_dir)
    # An artifact that several models have is built once: the cache holds no failed build, which would be repeated.
    names, measured = {reference: "the reference network"}, {}
    for one in measurable(ready.series):
        if one.backend != backend.name:
            continue
        target = dataclasses.replace(ready.target(one), bundle_dir=bundle_dir)
        names.setdefault(target, one.model)
        measured[target] = one.measurement
    failed: dict[Measurement, BuildResult] = {}
    for target, result in build_engines(backend, names, timeout_s, say, workers):
        if result.status == "ok":
            continue
        if target == reference:
            raise HarnessError(f"the reference network's engine: {result.status}: {result.reason}")
        failed[measured[target]] = result
    return failed


def _with_build(series: Series, failed: Mapping[Measurement, BuildResult]) -> Series:
    """The series, with the failure of its engine if that could not be built."""
    result = failed.get(series.measurement)
    if result is None or series.status != "ok":
        return series
    return dataclasses.replace(series, status=result.status, reason=result.reason)


def with_bundled_capabilities(request: RunRequest, bundle: Bundle | None) -> RunRequest:
    """Returns the request for the GPUs that the bundle's engines are for, if they fit and the user asked for none."""
    offered = bundle.engine_capabilities(request.wanted.backend) if bundle else []
    if not offered:
        return request
    return dataclasses.replace(request, gpu=backends.get(request.wanted.backend).adopted(request.gpu, offered))


def open_devices(request: RunRequest, bundle: Bundle | None, say: Say) -> dict[str, Device]:
    """The devices of the backends of a request, by backend.

    Args:
        request: which backends, and how.
        bundle: the bundle that is measured, if there is one.
        say: prints a line for the user, each once.

    Raises:
        HarnessError: a backend cannot be used, see `Device.open`.
    """
    say, devices = each_once(say), dict[str, Device]()
    for one in request.requests:
        if one.backend not in devices:
            gpu = with_bundled_capabilities(dataclasses.replace(request, wanted=one), bundle).gpu
            devices[one.backend] = Device.open(
                one.backend, gpu, request.threads, exclusive=request.exclusive, wait=request.wait, say=say
            )
    return devices


def bundled_variants(
    request: RunRequest, bundle: Bundle, devices: Mapping[str, Device], cache_dir: Path, say: Say
) -> list[Series]:
    """Every series of a request from a bundle, in the order of `RunRequest.requests`.

    Raises:
        BundleError: see `bundled_series`.
    """
    found: list[Series] = []
    for one in request.requests:
        found += bundled_series(one, bundle, devices[one.backend].backend, cache_dir, say)
    return found


def with_measured_inputs(planned: Sequence[Series], stored: Sequence[Series]) -> list[Series]:
    """Returns the planned series as they were measured, where stored ones differ in what the inputs held alone."""
    keys = {one.key for one in stored}
    measured = {dataclasses.replace(one, inputs="").key: one.inputs for one in stored}
    return [
        one
        if one.key in keys
        else dataclasses.replace(one, inputs=measured.get(dataclasses.replace(one, inputs="").key, one.inputs))
        for one in planned
    ]


@contextlib.contextmanager
def prepared(
    request: RunRequest,
    output: Path,
    cache_dir: Path,
    resume: bool,
    say: Say,
    settings: Mapping[str, Any] | None = None,
    *,
    times: bool = True,
    early: Callable[[PreparedRun], None] | None = None,
) -> Iterator[PreparedRun]:
    """Opens or continues the run directory of a request, and makes the artifacts and engines that are missing.

    Args:
        request: which series are measured.
        output: the run directory, new or of an earlier run to resume.
        cache_dir: where artifacts are kept.
        resume: whether there must be an earlier run in `output`.
        say: prints a line for the user.
        settings: how the run directory is measured; by default as in the request.
        times: whether latency is to be measured. If not, what inputs held when it was is as good as what is requested.
        early: called with what is ready while the rest still waits to be converted, which it does meanwhile; None
            converts everything at once.

    Raises:
        HarnessError: the request is bad, the backend cannot be used, or the directory belongs to another run.
    """
    request.check()
    wanted = request.wanted
    # A bad bundle and a backend that cannot run here are refused before there is a run directory.
    bundle = read_bundle(wanted.artifacts) if wanted.artifacts else None
    devices = open_devices(request, bundle, say)
    series = bundled_variants(request, bundle, devices, cache_dir, say) if bundle else None
    reference_path = bundle.reference_path if bundle else reference_file(cache_dir)
    # Engines of a bundle may have decided for which GPUs.
    gpu = next((device.gpu for device in devices.values() if device.gpu != request.gpu), request.gpu)
    with RunDirectory.open(
        output,
        environments={name: device.environment for name, device in devices.items()},
        settings=dataclasses.replace(request, gpu=gpu).settings() if settings is None else settings,
        seed=request.shard.seed if request.shard and not is_run(output) else None,
        reference_sha256=reference.REFERENCE_SHA256,
        resume=resume,
    ) as directory:
        plain = PreparedRun(directory, [], reference_path, devices, cache_dir, wanted.artifacts)
        if series is None:
            series = _converted(request, plain, say, early)
        if not times:
            series = with_measured_inputs(series, directory.series())
        yield _with_series(plain, series, request, say)


def _converted(
    request: RunRequest, plain: PreparedRun, say: Say, early: Callable[[PreparedRun], None] | None
) -> list[Series]:
    """Every series of a request, part by part if what is ready is wanted early."""
    if early is None or all_stored(request.requests, plain.cache_dir):
        return convert_variants(request.requests, plain.cache_dir, say)
    announce(request.requests)
    *first, rest = parts(request)
    say, found = each_once(say), list[Series]()
    for part in first:
        say(f"first figures: {counted(len(part.wanted.models), 'model')}, the cheapest of those that are left")
        found += convert_variants(part.requests, plain.cache_dir, say)
        early(_with_series(plain, in_order(found, request), request, say))
    found += convert_variants(rest.requests, plain.cache_dir, say)
    return in_order(found, request)


def _with_series(plain: PreparedRun, series: list[Series], request: RunRequest, say: Say) -> PreparedRun:
    """The run with its series, their engines built, and both in the run directory."""
    ready = dataclasses.replace(plain, series=series)
    ready = with_engines(ready, request.build_timeout_s, say, request.wanted.workers)
    ready.directory.set_series(ready.series)
    return ready
