"""`harness conversion-cost` as it is called, on a user's network and on one of the zoo."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest

from harness.__main__ import main

QUICK = ["--pairs", "2", "--block-ms", "1", "--block-groups", "1", "--threads", "1", "--seed", "1"]

_NETWORK = """
import torch


class Swish(torch.nn.Module):
    def forward(self, x):
        return x * torch.nn.functional.relu6(x + 3) / 6


def build():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), Swish(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 10)
    )


def build_plain():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(3600, 10))
"""


def test_a_users_network_is_measured_in_both_graphs_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("swish_network.py").write_text(_NETWORK)
    model = ["--model", "swish_network:build", "--resolution", "32", "--cache-dir", "cache"]
    command = ["conversion-cost", *model, *QUICK]
    assert main([*command, "--output", "cost"]) == 0
    row = pandas.read_csv("cost/conversion_cost.csv").iloc[0]
    assert row["fusion"].startswith("hard_swish 1")
    assert row["fused_pairs_count"] == 2
    assert row["fused_over_native_low"] <= row["fused_over_native"] <= row["fused_over_native_high"]
    # A user's code is not run because a file names it.
    assert pandas.isna(row["framework"])
    assert pandas.isna(row["framework_over_native"])
    assert "swish_network:build" in Path("cost/conversion_cost.md").read_text()
    capsys.readouterr()
    assert main([*command, "--output", "cost"]) == 0
    assert "pairs and nothing was measured" in capsys.readouterr().err


@pytest.mark.slow
def test_a_network_of_the_zoo_is_measured_in_its_framework_too(tmp_path: Path) -> None:
    rest = ["--cache-dir", str(tmp_path / "cache"), "--output", str(tmp_path / "cost")]
    assert main(["conversion-cost", "--models", "regnet/RegNetX-200MF", *QUICK, *rest]) == 0
    row = pandas.read_csv(tmp_path / "cost" / "conversion_cost.csv").iloc[0]
    assert (row["framework"], row["framework_pairs_count"]) == ("pytorch", 2)
    assert row["framework_over_native"] > 0


@pytest.mark.parametrize("backend", ["pytorch", "tensorflow"])
def test_a_framework_is_not_what_graphs_are_measured_on(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conversion-cost", "--models", "smoke", "--backend", backend]) == 2
    assert f"--backend {backend}: the frameworks run on the processor" in capsys.readouterr().err


def test_in_int8_the_two_graphs_are_compared_without_the_framework(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("swish_network.py").write_text(_NETWORK)
    model = ["--model", "swish_network:build", "--resolution", "32", "--cache-dir", "cache"]
    assert main(["conversion-cost", *model, *QUICK, "--precision", "int8", "--output", "cost"]) == 0
    assert "The frameworks compute in fp32 and are left out" in capsys.readouterr().err
    row = pandas.read_csv("cost/conversion_cost.csv").iloc[0]
    assert row["precision"] == "int8"
    assert pandas.isna(row["framework_over_native"])


def test_in_int8_a_network_with_nothing_to_fuse_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("swish_network.py").write_text(_NETWORK)
    model = ["--model", "swish_network:build_plain", "--resolution", "32", "--cache-dir", "cache"]
    assert main(["conversion-cost", *model, *QUICK, "--precision", "int8", "--output", "cost"]) == 0
    row = pandas.read_csv("cost/conversion_cost.csv").iloc[0]
    assert row["fused_over_native"] == 1
    assert pandas.isna(row["fusion"])
