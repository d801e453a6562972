from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine.linux_facts import LinuxFacts, parse_cpu_max

X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
stepping\t: 1
flags\t\t: fpu sse2 hypervisor avx2 avx512f

processor\t: 1
model name\t: Another
"""

ARM = """processor\t: 0
Features\t: fp asimd asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd42
"""


def machine(root: Path, files: dict[str, str]) -> LinuxFacts:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return LinuxFacts(root)


def test_an_empty_machine_has_no_facts(tmp_path: Path) -> None:
    facts = machine(tmp_path, {})
    assert facts.cpu_model() is None
    assert facts.cpu_revision() is None
    assert facts.cpu_features() is None
    assert facts.governor() is None
    assert facts.boost() is None
    assert facts.frequency_mhz("scaling_max_freq") is None
    assert facts.virtualisation() is None
    assert facts.container() is None
    assert facts.cpu_limit_cores() is None


def test_an_x86_processor(tmp_path: Path) -> None:
    facts = machine(tmp_path, {"proc/cpuinfo": X86})
    assert facts.cpu_model() == "AMD EPYC"
    assert facts.cpu_revision() == "cpu family 26, model 2, stepping 1"
    assert facts.cpu_features() == "avx2 avx512f"
    assert facts.virtualisation() == "hypervisor"


def test_an_arm_board(tmp_path: Path) -> None:
    facts = machine(tmp_path, {"proc/cpuinfo": ARM, "proc/device-tree/model": "Jetson AGX Orin\0"})
    assert facts.cpu_model() == "Jetson AGX Orin"
    assert facts.cpu_revision() == "CPU implementer 0x41, CPU part 0xd42"
    assert facts.cpu_features() == "asimd asimddp"
    assert facts.virtualisation() is None


def test_a_virtual_machine_names_its_maker(tmp_path: Path) -> None:
    names = {"sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "sys/class/dmi/id/product_name": "c7a.large\n"}
    assert machine(tmp_path, {"proc/cpuinfo": X86, **names}).virtualisation() == "Amazon EC2 c7a.large"


def test_the_clock_policy(tmp_path: Path) -> None:
    cpufreq = "sys/devices/system/cpu/cpu0/cpufreq"
    facts = machine(
        tmp_path, {f"{cpufreq}/scaling_governor": "performance\n", f"{cpufreq}/scaling_max_freq": "3700000\n"}
    )
    assert facts.governor() == "performance"
    assert facts.frequency_mhz("scaling_max_freq") == 3700


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("sys/devices/system/cpu/cpufreq/boost", "1\n", True),
        ("sys/devices/system/cpu/cpufreq/boost", "0\n", False),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n", False),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n", True),
    ],
)
def test_boost_as_either_driver_reports_it(tmp_path: Path, path: str, text: str, expected: bool) -> None:
    assert machine(tmp_path, {path: text}).boost() is expected


def test_a_container(tmp_path: Path) -> None:
    assert machine(tmp_path, {".dockerenv": ""}).container() == "docker"


def test_the_tightest_quota_of_all_groups_above_counts(tmp_path: Path) -> None:
    facts = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/pod/box/cpu.max": "max 100000\n",
            "sys/fs/cgroup/pod/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/cpu.max": "400000 100000\n",
        },
    )
    assert facts.cpu_limit_cores() == 1.5


def test_a_quota_of_version_1(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/cpu"
    quota = {f"{folder}/cpu.cfs_quota_us": "200000\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert machine(tmp_path, {"proc/self/cgroup": "4:cpu:/x\n", **quota}).cpu_limit_cores() == 2.0


def test_a_quota_of_version_1_below_the_root(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/cpu"
    quota = {
        f"{folder}/cpu.cfs_quota_us": "-1\n",
        f"{folder}/cpu.cfs_period_us": "100000\n",
        f"{folder}/job/step/cpu.cfs_quota_us": "50000\n",
        f"{folder}/job/step/cpu.cfs_period_us": "100000\n",
    }
    groups = "9:name=systemd:/\n4:cpu,cpuacct:/job/step\n"
    assert machine(tmp_path, {"proc/self/cgroup": groups, **quota}).cpu_limit_cores() == 0.5


@pytest.mark.parametrize(
    ("text", "cores"), [(None, None), ("max 100000", None), ("-1 100000", None), ("50000 100000", 0.5)]
)
def test_quotas(text: str | None, cores: float | None) -> None:
    assert parse_cpu_max(text) == cores


@pytest.mark.parametrize("name", ["core_cpus_list", "thread_siblings_list"])
def test_processors_that_share_a_core_are_one_core(tmp_path: Path, name: str) -> None:
    shared = {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}
    files = {f"sys/devices/system/cpu/cpu{cpu}/topology/{name}": text for cpu, text in shared.items()}
    facts = machine(tmp_path, {**files, "sys/devices/system/cpu/cpufreq/boost": "1"})
    assert facts.physical_cores() == 2
    assert [facts.physical_cores(allowed) for allowed in ({0, 2}, {0, 1}, {3})] == [1, 2, 1]


def test_cores_are_counted_by_socket_where_the_topology_is_hidden(tmp_path: Path) -> None:
    processors = [f"processor\t: {cpu}\nphysical id\t: {cpu // 4}\ncpu cores\t: 2\n" for cpu in range(8)]
    assert machine(tmp_path, {"proc/cpuinfo": "\n".join(processors)}).physical_cores() == 4
    assert machine(tmp_path / "arm", {"proc/cpuinfo": ARM}).physical_cores() is None


def test_memory_is_in_mib(tmp_path: Path) -> None:
    text = "MemFree:            1024 kB\nMemTotal:       31457280 kB\n"
    assert machine(tmp_path, {"proc/meminfo": text}).memory_mib() == 30720
    assert LinuxFacts(tmp_path / "nowhere").memory_mib() == 0
