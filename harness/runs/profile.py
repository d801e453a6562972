"""A profile from request to CSV: convert what is missing, profile in a fresh process, keep the rows."""

from __future__ import annotations

import dataclasses
import datetime
import re
from pathlib import Path

from harness.artifacts.bundle import read_bundle
from harness.artifacts.conversions import bundled_series, convert_all
from harness.artifacts.converting import Say
from harness.artifacts.onnx_files import named
from harness.backends.device import Device
from harness.errors import HarnessError, ProfileError
from harness.files.storage import explained
from harness.machine.environment import Environment
from harness.processes.build import built
from harness.processes.launcher import run_profile
from harness.processes.profile import ProfileJob, ProfileResult, ProfileSettings
from harness.processes.target import Target
from harness.records.profile_table import layer_rows, write_layers
from harness.records.series import Series
from harness.runs.prepare import with_bundled_capabilities
from harness.runs.request import RunRequest


def execute(request: RunRequest, settings: ProfileSettings, output: Path, cache_dir: Path, say: Say) -> Path:
    """Profiles the one model of a request.

    Args:
        request: the model, backend, precision, batch and threads; what concerns rounds is ignored.
        settings: how the model is profiled.
        output: directory of the CSV; created if it is missing.
        cache_dir: where artifacts are kept.
        say: prints a line for the user.

    Returns:
        The CSV (`harness.records.profile_table.COLUMNS`).

    Raises:
        HarnessError: the request is bad, the backend cannot be used, or the directory cannot be written.
        ProfileError: the model could not be converted or profiled.
    """
    if settings.inferences < 2:
        raise HarnessError(f"--inferences {settings.inferences}: give a number of at least 2")
    wanted = request.wanted
    if not wanted.artifacts:
        _check_one(len(wanted.conversions()) + len(named(wanted.onnx_files)))
    request.check()
    bundle = read_bundle(wanted.artifacts) if wanted.artifacts else None
    request = with_bundled_capabilities(request, bundle)
    device = Device.open(
        wanted.backend, request.gpu, request.threads, exclusive=request.exclusive, wait=request.wait, say=say
    )
    backend = device.backend
    bundled = bundled_series(wanted, bundle, backend, cache_dir, say) if bundle else None
    if bundled is not None:
        _check_one(len(bundled))
    with explained(output):
        output.mkdir(parents=True, exist_ok=True)
    (series,) = bundled or convert_all(wanted, cache_dir, say)
    target = series.target(device.threads, device.gpu, cache_dir)
    if series.status == "ok" and backend.builds_engines:
        with_bundle = dataclasses.replace(target, bundle_dir=str(wanted.artifacts or ""))
        series = _with_engine(series, with_bundle, request.build_timeout_s, say)
    if series.status != "ok":
        raise ProfileError(f"{series.model}: {series.status}: {series.reason}")
    say(f"profiling {series.model}: {settings.inferences} inferences without and with the profiler of {backend.name}")
    started_at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    with device.lock.held():
        result = run_profile(ProfileJob(target, settings.inferences), timeout_s=settings.timeout_s)
    if result.status != "ok":
        raise ProfileError(f"{series.model}: {result.status}: {result.reason}")
    path = output / csv_name(series)
    facts = _facts(series, result, device.environment, settings.inferences, started_at)
    write_layers(path, layer_rows(result.layers, facts))
    return path


def _check_one(count: int) -> None:
    if count != 1:
        asked = "no model is given" if count == 0 else f"{count} models are selected"
        raise HarnessError(f"profile takes one model, but {asked}: give one MODEL of `list`, --onnx or --model")


def _with_engine(series: Series, target: Target, timeout_s: float, say: Say) -> Series:
    """Builds the engine of a series if it is not in the cache; returns the series with the status and the reason."""
    ((_, result),) = built([target], timeout_s)
    if result.status == "ok":
        say("engine: from the cache" if result.cached else f"engine: built in {result.build_s:.1f} s")
    return dataclasses.replace(series, status=result.status, reason=result.reason)


def csv_name(series: Series) -> str:
    """Returns the name of a profile's CSV, such as `gpunet_GPUNet-0_onnxruntime_fp32_layers.csv`."""
    batch = "" if series.batch == 1 else f"_b{series.batch}"
    model = re.sub(r"[^A-Za-z0-9.-]+", "_", series.model)
    return f"{model}_{series.backend}_{series.precision}{batch}_layers.csv"


def _facts(
    series: Series, result: ProfileResult, environment: Environment, inferences: int, started_at: str
) -> dict[str, object]:
    return {
        "model": series.model,
        "backend": series.backend,
        "precision_asked": series.precision,
        "precision_effective": result.precision_effective,
        "batch": series.batch,
        "inferences": inferences,
        "latency_median_ms": result.latency_median_ms,
        "latency_kind": result.latency_kind,
        "foreign_cores": result.foreign_cores,
        "disturbances": ", ".join(result.disturbances),
        "runtime": result.runtime,
        "provider": result.provider,
        "device": environment.device,
        "environment_id": environment.environment_id,
        "artifact_sha256": series.artifact_sha256,
        "measured_at": started_at,
    }
