from __future__ import annotations

import sys

import pynvml
import pytest

from harness.errors import NoGpuError, SharedGpuError
from harness.machine.gpu.exclusive import check_sharing, refuse_shared, shared_use
from harness.machine.gpu.nvml import GpuReading
from tests.fakes.cuda_devices import FakeGpu
from tests.fakes.nvml import A100, FakeNvml, processes
from tests.harness.machine.gpu.conftest import InstallGpus, InstallNvml

OWN = frozenset({7})
ALONE = GpuReading(pids=(), utilisation_percent=3)
SHARED = GpuReading(pids=(1, 2), utilisation_percent=80)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (ALONE, ""),
        (GpuReading(pids=(7,), utilisation_percent=0), ""),
        (
            GpuReading(pids=(1,), utilisation_percent=80),
            "1 other process has a context on the GPU, which was busy for 80 %",
        ),
        (SHARED, "2 other processes have"),
        (GpuReading(pids=(1,)), "busy for 0 %"),
        (GpuReading(pids=(), utilisation_percent=50), "busy for 50 % of the last sampling period although no process"),
    ],
)
def test_use_by_others_is_reported(reading: GpuReading, words: str) -> None:
    found = shared_use(reading, OWN)
    assert words in found
    assert bool(found) == bool(words)


def test_a_shared_gpu_gives_a_warning_or_is_refused() -> None:
    warning = check_sharing(SHARED, OWN, exclusive=False)
    assert warning.startswith("2 other processes")
    assert "--exclusive refuses" in warning
    with pytest.raises(SharedGpuError, match=r"2 other processes.*nvidia-smi.*--device.*without --exclusive"):
        check_sharing(SHARED, OWN, exclusive=True)


def test_a_free_gpu_is_neither() -> None:
    assert check_sharing(ALONE, OWN, exclusive=False) == check_sharing(ALONE, OWN, exclusive=True) == ""


def test_unknown_sharing_is_refused_only_if_exclusive_use_was_requested() -> None:
    for reading, why_not, words in (
        (None, "Nothing is installed", "Nothing is installed. Run"),
        (GpuReading(), "", "list"),
    ):
        assert check_sharing(reading, OWN, exclusive=False, why_not=why_not) == ""
        with pytest.raises(SharedGpuError, match=f"cannot be guaranteed.*{words}"):
            check_sharing(reading, OWN, exclusive=True, why_not=why_not)


def test_the_gpu_that_cuda_means_is_queried(install_gpus: InstallGpus, install_nvml: InstallNvml) -> None:
    install_gpus(FakeGpu())
    fake = FakeNvml({**A100, "nvmlDeviceGetComputeRunningProcesses_v3": processes(1)})
    install_nvml(fake)
    assert refuse_shared(0, exclusive=False).startswith("1 other process has")
    with pytest.raises(SharedGpuError):
        refuse_shared(0, exclusive=True)
    fake.answers["nvmlDeviceGetComputeRunningProcesses_v3"] = []
    assert refuse_shared(0, exclusive=True) == ""
    with pytest.raises(NoGpuError, match="no GPU 5"):
        refuse_shared(5, exclusive=False)


def test_without_nvml_sharing_is_unknown(install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch) -> None:
    install_gpus(FakeGpu())
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(init_error=pynvml.NVML_ERROR_DRIVER_NOT_LOADED))
    assert refuse_shared(0, exclusive=False) == ""
    with pytest.raises(SharedGpuError, match="not loaded"):
        refuse_shared(0, exclusive=True)


_HOLD = """
import sys
with CudaDriver.open(0) as driver:
    driver.allocate(1 << 26)
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.gpu
def test_another_real_process_and_its_end_are_detected() -> None:
    import subprocess
    import time

    if check_sharing(*_read(), exclusive=False):
        pytest.skip("others use this GPU already")
    holder = subprocess.Popen([sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(SharedGpuError, match="1 other process"):
            refuse_shared(0, exclusive=True)
    finally:
        holder.communicate()
    time.sleep(1.5)  # The utilisation covers the last second.
    assert refuse_shared(0, exclusive=True) == ""


def _read() -> tuple[GpuReading | None, frozenset[int]]:
    from harness.machine.gpu.devices import cuda_device
    from harness.machine.gpu.nvml import Nvml

    device = cuda_device(0)
    return Nvml().device(device.uuid, device.bus_id).read(), OWN
