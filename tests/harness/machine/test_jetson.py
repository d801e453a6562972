from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine.jetson import JetsonFacts, jetson_facts, l4t_release, power_mode

RELEASE = "# R36 (release), REVISION: 4.7, GCID: 42132812, BOARD: generic, EABI: aarch64, DATE: Thu Sep 18 2025\n"

MODES = """# < POWER_MODEL ID=2 NAME=OLD >
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=0 >
"""


def board(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_another_machine_is_not_a_jetson(tmp_path: Path) -> None:
    assert jetson_facts(tmp_path) is None


@pytest.mark.parametrize("folder", ["17000000.gpu", "17000000.ga10b", "17000000.gv11b", "57000000.gpu", "gpu-gpc-0"])
def test_a_jetson_is_described(tmp_path: Path, folder: str) -> None:
    files = {
        "etc/nv_tegra_release": RELEASE,
        "etc/nvpmodel.conf": MODES,
        "var/lib/nvpmodel/status": "pmode:0002\n",
        f"sys/class/devfreq/{folder}/min_freq": "1020000000\n",
        f"sys/class/devfreq/{folder}/max_freq": "1020000000\n",
    }
    assert jetson_facts(board(tmp_path, files)) == JetsonFacts("36.4.7", "MAXN_SUPER", 1020, 1020)


def test_what_a_container_does_not_see_is_none(tmp_path: Path) -> None:
    assert jetson_facts(board(tmp_path, {"etc/nv_tegra_release": RELEASE})) == JetsonFacts("36.4.7", None, None, None)


@pytest.mark.parametrize(
    ("text", "release"),
    [(RELEASE, "36.4.7"), ("# R39 (release), REVISION: 2.0, x", "39.2.0"), ("R1", None), (None, None)],
)
def test_releases(text: str | None, release: str | None) -> None:
    assert l4t_release(text) == release


@pytest.mark.parametrize(
    ("status", "mode"),
    [
        ("pmode:0000", "15W"),
        ("pmode:0002 fmode:quiet", "MAXN_SUPER"),
        ("pmode:0007", "mode 7"),
        ("pmode:0020", "mode 20"),
        ("", None),
        (None, None),
    ],
)
def test_power_modes(status: str | None, mode: str | None) -> None:
    assert power_mode(status, MODES) == mode
