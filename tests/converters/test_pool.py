from __future__ import annotations

import dataclasses
import functools
import os
import subprocess
import sys
import time
import types

import pytest

import zoo
from converters import servers
from converters.pool import PoolSettings, _Job, convert_many, expect
from converters.request import ConversionRequest

SOURCE = """
import os, time
import torch

def good():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

def crashes():
    os.abort()

def hangs():
    time.sleep(600)

def raises():
    raise RuntimeError("no weights here")

def downloads():
    import urllib.request
    urllib.request.urlopen("http://127.0.0.1:9/weights")

def eats():
    hoard = [bytearray(1 << 26) for _ in range(64)]
    time.sleep(600)

def nothing():
    return torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten())

def nan():
    network = good()
    with torch.no_grad():
        network[0].bias[0] = float("nan")
    return network

class Branching(torch.nn.Module):
    def forward(self, images):
        if images.sum() > 0:
            return images.mean((2, 3))
        return -images.mean((2, 3))

def branching():
    return Branching()
"""

ENDS = {
    "good": ("ok", ""),
    "crashes": ("failed", "The conversion's process crashed with SIGABRT."),
    "hangs": ("timeout", "The conversion did not end within 60 s; allow it more time (--conversion-timeout)."),
    "raises": ("failed", "raises() raised RuntimeError: no weights here"),
    "downloads": ("failed", "downloads() raised URLError"),
    "eats": ("out_of_memory", "The conversion took more than 2500 MiB; use fewer --workers."),
    "nan": ("failed", "the network itself yields NaN or infinity"),
    "branching": ("failed", "Could not guard on data-dependent expression"),
}


@pytest.fixture(scope="module")
def conversions(tmp_path_factory):
    """All requests in one pool, so that bad ones run beside good ones."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "pool_networks.py").write_text(SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(folder))
        requests = [ConversionRequest(f"pool_networks:{name}", resolution=16) for name in ENDS]
        settings = PoolSettings(workers=2, timeout_s=60, memory_limit_mib=2500)
        found = list(convert_many(requests, folder / "cache", settings))
    return {conversion.request.model.split(":")[1]: conversion for conversion in found}


@pytest.mark.parametrize("name", ENDS)
def test_each_conversion_ends_as_it_must_and_costs_only_itself(conversions, name):
    status, reason = ENDS[name]
    assert conversions[name].status == status, conversions[name].reason
    assert reason in conversions[name].reason
    assert (conversions[name].artifact is not None) == (status == "ok")


def test_a_shared_network_is_converted_once_and_then_cached(tmp_path):
    twins = zoo.list_models("*tx2_gpu16-47ms*,*v100_gpu64-6ms*")
    requests = [ConversionRequest(name, exporter="torchscript") for name in twins]
    first = list(convert_many(requests, tmp_path))
    assert [conversion.status for conversion in first] == ["ok", "ok"]
    assert first[0].artifact.path == first[1].artifact.path
    assert sorted(conversion.request.model for conversion in first) == sorted(twins)
    assert not any(conversion.cached for conversion in first)
    again = list(convert_many(requests, tmp_path))
    assert all(conversion.cached and conversion.status == "ok" for conversion in again)


def test_precisions_are_made_from_one_fp32_artifact(tmp_path, monkeypatch):
    name = "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25"
    plain = ConversionRequest(name, exporter="torchscript")
    half = dataclasses.replace(plain, precision="fp16")
    (first,) = convert_many([half], tmp_path)
    assert (first.status, first.artifact.provenance["precision"]) == ("ok", "fp16"), first.reason
    # Both are in the store now, and the next request needs no framework.
    (found,) = convert_many([plain], tmp_path)
    assert found.cached
    started = []
    start = servers.start
    monkeypatch.setattr(
        servers, "start", lambda framework, *rest: (started.append(framework), start(framework, *rest))[1]
    )
    integer = dataclasses.replace(plain, precision="int8")
    done = {one.request: one for one in convert_many([plain, half, integer], tmp_path)}
    assert started == [servers.NO_FRAMEWORK]
    assert [done[request].cached for request in (plain, half, integer)] == [True, True, False]
    assert done[integer].artifact.provenance["derived_from"]["sha256"] == found.artifact.sha256


def test_a_user_model_is_converted_to_any_precision(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    requests = [
        ConversionRequest(f"own_networks:{name}", resolution=16, precision=precision)
        for name, precision in (("good", "fp16"), ("good", "int8"), ("nothing", "fp16"))
    ]
    found = {one.request: one for one in convert_many(requests, tmp_path / "cache", PoolSettings(workers=1))}
    assert [found[request].status for request in requests] == ["ok", "ok", "failed"], found
    assert [found[request].artifact.provenance["precision"] for request in requests[:2]] == ["fp16", "int8"]
    assert "came out in no precision instead of fp16" in found[requests[2]].reason


def test_a_missing_package_is_unsupported(tmp_path, monkeypatch):
    (tmp_path / "ofa").mkdir()
    (tmp_path / "ofa" / "__init__.py").write_text("raise ImportError('no ofa here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    # The server that conversions are forked from inherits its path from this process.
    monkeypatch.syspath_prepend(str(tmp_path))
    (conversion,) = convert_many([ConversionRequest("ofa/LG-G8_lat-8ms_top1-71.1_finetune-25")], tmp_path / "cache")
    assert conversion.status == "unsupported"
    assert "pip install 'baseline-zoo[ofa]'" in conversion.reason


def test_both_frameworks_convert_side_by_side_in_separate_processes(tmp_path):
    requests = [ConversionRequest(name) for name in ("efficientnet-x-b0", "RegNetX-200MF")]
    found = {conversion.request.model: conversion for conversion in convert_many(requests, tmp_path)}
    assert {conversion.status for conversion in found.values()} == {"ok"}, found
    made = {name: conversion.artifact.provenance for name, conversion in found.items()}
    assert made["efficientnet-x-b0"]["exporter"]["name"] == "tf2onnx"
    assert made["RegNetX-200MF"]["exporter"]["name"] == "dynamo"


def test_a_missing_tensorflow_is_unsupported_and_the_others_still_run(tmp_path, monkeypatch):
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text("raise ImportError('no keras here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # A server that is warm already knows where the real one is.
    monkeypatch.setattr(servers, "_server", functools.cache(servers._server.__wrapped__))
    requests = [ConversionRequest(name) for name in ("efficientnet-x-b0", "RegNetX-200MF")]
    found = {conversion.request.model: conversion for conversion in convert_many(requests, tmp_path / "cache")}
    assert found["RegNetX-200MF"].status == "ok"
    assert found["efficientnet-x-b0"].status == "unsupported"
    assert "pip install 'baseline-zoo[efficientnet_x]'" in found["efficientnet-x-b0"].reason


NEITHER_IS_NEEDED_BY_THE_OTHER = """
import sys
from converters import servers
servers.use_one_thread({framework!r})
import zoo
zoo.load({name!r}).count_parameters()
from converters.convert import convert_native
print(sorted(sys.modules.keys() & {{"tensorflow", "torch"}}))
"""


@pytest.mark.parametrize(
    ("framework", "name", "expected"),
    [("tensorflow", "efficientnet-x-b0", "['tensorflow']"), ("pytorch", "RegNetX-200MF", "['torch']")],
)
def test_a_process_imports_one_framework(framework, name, expected):
    code = NEITHER_IS_NEEDED_BY_THE_OTHER.format(framework=framework, name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_missing_original_code_is_reported_with_the_command_that_fetches_it(tmp_path):
    request = ConversionRequest("gpunet/GPUNet-P0", implementation="release")
    (conversion,) = convert_many([request], tmp_path, PoolSettings(workers=1))
    assert conversion.status == "unsupported"
    assert conversion.reason.endswith("fetch it with: python -m zoo fetch --sources gpunet")


def test_a_recalibration_has_additional_time(tmp_path):
    process = types.SimpleNamespace(pid=os.getpid())
    settings = PoolSettings(timeout_s=10.0, recalibration_timeout_s=100.0, memory_limit_mib=1 << 20)
    plain = ConversionRequest("alphanet/a0")
    recalibrated = dataclasses.replace(plain, recalibration_images=tmp_path)
    started = time.monotonic() - 50.0
    verdicts = [_Job(one, None, process, started).over_limits(settings) for one in (plain, recalibrated)]
    assert verdicts == [
        ("timeout", "The conversion did not end within 10 s; allow it more time (--conversion-timeout)."),
        None,
    ]
    assert _Job(recalibrated, None, process, started - 100.0).over_limits(settings)[0] == "timeout"


def test_packages_of_the_zoos_networks_are_expected(monkeypatch):
    expected = set()
    monkeypatch.setattr(servers, "expect", expected.update)
    names = ["efficientnet/efficientnet_b0", "gpunet/GPUNet-P0", "ofa/flops-595M_top1-80.0_finetune-75"]
    original = ConversionRequest("regnet/RegNetX-200MF", implementation="release")
    expect([*map(ConversionRequest, names), original, ConversionRequest("mine:network")])
    assert expected == {"timm", "ofa", ""}
