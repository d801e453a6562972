from __future__ import annotations

import os
import subprocess
import sys

import pynvml
import pytest

from harness.errors import NvmlUnavailableError
from harness.machine.gpu import nvml
from harness.machine.gpu.devices import cuda_device
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.nvml import GpuReading, Nvml
from harness.machine.gpu.processes import foreign_count, own_pids
from tests.fakes.nvml import A100, A100_BUS_ID, A100_UUID, FakeNvml, processes
from tests.harness.machine.gpu.conftest import InstallNvml

PARENT = 1
INSTANCE = 0


def install(monkeypatch: pytest.MonkeyPatch, fake: object) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake)


def test_the_fake_has_no_name_that_the_real_module_lacks() -> None:
    fake = FakeNvml()
    with pytest.raises(AttributeError):
        _ = fake.nvmlDeviceGetFrequency
    fake.nvmlInit()
    with pytest.raises(TypeError):
        fake.nvmlDeviceGetPowerUsage()
    assert fake.NVMLError is pynvml.NVMLError


def test_the_constants_are_those_of_the_real_module() -> None:
    assert (nvml.CLOCK_SM, nvml.CLOCK_MEMORY) == (pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM)
    assert nvml._TEMPERATURE_GPU == pynvml.NVML_TEMPERATURE_GPU
    assert nvml._PERF_POLICY_THERMAL == pynvml.NVML_PERF_POLICY_THERMAL
    assert nvml._PSTATE_UNKNOWN == pynvml.NVML_PSTATE_UNKNOWN


def test_a_reading_is_in_the_units_of_its_names(install_nvml: InstallNvml) -> None:
    answers = {
        **A100,
        "nvmlDeviceGetCurrentClocksEventReasons": 0x24,
        "nvmlDeviceGetViolationStatus": lambda handle, policy: pynvml.c_nvmlViolationTime_t(9, 5 * policy),
        "nvmlDeviceGetUtilizationRates": pynvml.c_nvmlUtilization_t(97, 40),
        "nvmlDeviceGetComputeRunningProcesses_v3": processes(12, 13),
    }
    assert install_nvml(FakeNvml(answers)).read() == GpuReading(
        sm_clock_mhz=1410,
        memory_clock_mhz=1215,
        power_w=250.0,
        energy_mj=1_000_000,
        temperature_c=50,
        throttle_reasons=("sw power cap", "sw thermal slowdown"),
        thermal_violation_ns=5,
        performance_state=0,
        utilisation_percent=97,
        pids=(12, 13),
    )


@pytest.mark.parametrize(
    "code",
    [
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_NO_PERMISSION,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_GPU_IS_LOST,
        pynvml.NVML_ERROR_UNKNOWN,
        4242,
    ],
)
def test_what_a_device_does_not_report_is_none(install_nvml: InstallNvml, code: int) -> None:
    answers = {name: pynvml.NVMLError(code) for name in dir(pynvml) if name.startswith("nvmlDeviceGet")}
    assert install_nvml(FakeNvml(answers)).read() == GpuReading()


def test_a_state_that_is_unknown_is_none(install_nvml: InstallNvml) -> None:
    assert install_nvml(FakeNvml({**A100, "nvmlDeviceGetPerformanceState": 32})).read().performance_state is None


def test_an_older_driver_is_queried_by_its_names(install_nvml: InstallNvml) -> None:
    fake = FakeNvml(
        {
            **A100,
            "nvmlDeviceGetCurrentClocksThrottleReasons": 0x40,
            "nvmlDeviceGetComputeRunningProcesses_v2": processes(5),
        },
        missing=("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetComputeRunningProcesses_v3"),
    )
    reading = install_nvml(fake).read()
    assert reading.throttle_reasons == ("hw thermal slowdown",)
    assert reading.pids == (5,)


def test_a_newer_driver_reports_the_temperature_under_its_newer_name(install_nvml: InstallNvml) -> None:
    fake = FakeNvml({**A100, "nvmlDeviceGetTemperatureV": 61}, missing=("nvmlDeviceGetTemperature",))
    assert install_nvml(fake).read().temperature_c == 61


def test_a_mig_instance_has_the_clocks_of_its_gpu_and_its_own_processes(install_nvml: InstallNvml) -> None:
    def of_gpu(value: object) -> object:
        return lambda handle, *rest: value if handle == PARENT else pytest.fail("asked the instance")

    answers = {
        "nvmlDeviceIsMigDeviceHandle": lambda handle: pynvml.c_uint(handle == INSTANCE),
        "nvmlDeviceGetDeviceHandleFromMigDeviceHandle": PARENT,
        "nvmlDeviceGetClockInfo": of_gpu(1410),
        "nvmlDeviceGetTemperature": of_gpu(50),
        "nvmlDeviceGetPowerUsage": of_gpu(250_000),
        "nvmlDeviceGetTotalEnergyConsumption": of_gpu(7),
        "nvmlDeviceGetComputeRunningProcesses_v3": lambda handle: processes(1) if handle == INSTANCE else processes(9),
    }
    device = install_nvml(FakeNvml(answers, uuids=(f"MIG-{A100_UUID}",)))
    reading = device.read()
    assert device.is_mig_instance
    assert reading == GpuReading(sm_clock_mhz=1410, memory_clock_mhz=1410, temperature_c=50, pids=(1,))


def test_a_mig_instance_whose_gpu_is_inaccessible_still_has_its_processes(install_nvml: InstallNvml) -> None:
    answers = {"nvmlDeviceIsMigDeviceHandle": 1, "nvmlDeviceGetComputeRunningProcesses_v3": processes(1)}
    assert install_nvml(FakeNvml(answers, uuids=(f"MIG-{A100_UUID}",))).read() == GpuReading(pids=(1,))


def test_a_device_is_found_by_its_bus_if_its_uuid_is_unknown(install_nvml: InstallNvml) -> None:
    assert install_nvml(FakeNvml(uuids=("GPU-another",), bus_ids=(A100_BUS_ID,))).read().sm_clock_mhz == 1410


def test_a_device_that_nvml_does_not_know_is_named(install_nvml: InstallNvml) -> None:
    with pytest.raises(NvmlUnavailableError, match=r"0f2e4d6c-.* at 0000:07:00.0.*nvidia-smi -L"):
        install_nvml(FakeNvml(uuids=(), bus_ids=()))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no libnvidia-ml.*Install the NVIDIA driver.*Jetson"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "not loaded.*modprobe nvidia"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "denies access.*/dev/nvidia"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, r"mismatch\)\. .*different versions.*Reboot"),
        (pynvml.NVML_ERROR_UNKNOWN, "Unknown Error.*`nvidia-smi` runs"),
    ],
)
def test_a_library_that_cannot_be_used_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    install(monkeypatch, FakeNvml(init_error=code))
    with pytest.raises(NvmlUnavailableError, match=message):
        Nvml()


def test_a_missing_package_is_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, None)
    with pytest.raises(NvmlUnavailableError, match="pip install nvidia-ml-py"):
        Nvml()


def test_another_package_of_that_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, object())
    with pytest.raises(NvmlUnavailableError, match="pip uninstall pynvml"):
        Nvml()


def test_importing_it_imports_no_library() -> None:
    code = (
        "import harness.machine.gpu.meter, harness.machine.gpu.facts, sys; "
        "print({'pynvml', 'cuda', 'tensorrt'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.gpu
def test_a_real_gpu_is_read_and_recognises_this_process() -> None:
    """The device is the one CUDA means, its values are plausible, and our own context is never counted as another's."""
    device = cuda_device(0)
    reader = Nvml().device(device.uuid, device.bus_id)
    before = reader.read()
    with CudaDriver.open(0) as driver:
        pointer = driver.allocate(64 << 20)
        after = reader.read()
        driver.free(pointer)
    assert after.sm_clock_mhz is not None
    assert 100 <= after.sm_clock_mhz <= 5000
    assert after.temperature_c is not None
    assert 5 <= after.temperature_c <= 110
    assert after.throttle_reasons is not None
    assert not [reason for reason in after.throttle_reasons if reason.startswith("reason ")]
    if before.energy_mj is not None and after.energy_mj is not None:
        assert after.energy_mj >= before.energy_mj > 0
    if before.pids is not None and after.pids is not None:
        # One more process, this one: recognised by its ID, or by the rule for a container.
        alone = foreign_count(before.pids, own_pids(), holds_context=False)
        assert foreign_count(after.pids, own_pids(), holds_context=True) == alone, (
            before.pids,
            after.pids,
            os.getpid(),
        )
