"""`harness selfcheck` as it is called, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest

from harness.__main__ import main


def test_the_command_writes_report_data_and_raw_pairs(
    write_network: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = str(write_network(shape=[1, 3, 32, 32]))
    output = tmp_path / "check"
    quick = ["--block-ms", "2", "--block-groups", "2", "--threads", "1", "--seed", "1"]
    amount = ["--comparisons", "2", "--gates", "1", "--pairs", "2", "--confirm-pairs", "7", "--slowdown", "300"]
    main(["selfcheck", network, *quick, *amount, "--output", str(output)])
    told = capsys.readouterr().out
    assert "of 2; the rate is below" in told
    assert told == (output / "selfcheck.md").read_text()
    pairs = pandas.read_csv(output / "selfcheck_pairs.csv")
    assert set(pairs["check"]) == {"equal", "slowed"}
    assert pairs[pairs["check"] == "slowed"].log_ratio.median() > np.log(2)
    data = json.loads((output / "selfcheck.json").read_text())
    assert data["found"]["total"] == 1


def test_an_interrupted_selfcheck_says_so_and_resumes(
    write_network: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stop_at: Callable[[int | None], list[int]],
) -> None:
    output = tmp_path / "check"
    amount = ["--comparisons", "2", "--gates", "1", "--pairs", "3", "--confirm-pairs", "7", "--threads", "1"]
    command = ["selfcheck", str(write_network(shape=[1, 3, 32, 32])), *amount, "--output", str(output)]
    seeds = stop_at(5)
    assert main(command) == 130
    assert f"interrupted after 4 pairs; they are in {output}, and the same command resumes" in capsys.readouterr().err
    assert len(pandas.read_csv(output / "selfcheck_pairs.csv")) == 4
    stop_at(None)
    assert main(command) == 0
    first = (output / "selfcheck.json").read_text()
    assert list(pandas.read_csv(output / "selfcheck_pairs.csv")["comparison"]) == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert len(seeds) == len(set(seeds)) == 9
    assert main(command) == 0
    assert "nothing was measured" in capsys.readouterr().err
    assert (len(seeds), (output / "selfcheck.json").read_text()) == (9, first)
    assert main([*command, "--slowdown", "4"]) == 2


def test_a_selfcheck_that_measured_nothing_is_not_clean(
    write_network: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x08\x12")
    amount = ["--comparisons", "2", "--gates", "0", "--threads", "1", "--output", str(tmp_path / "check")]
    assert main(["selfcheck", str(broken), *amount]) == 3
    told = capsys.readouterr().out
    assert "- Not measured, and not counted in these rates: 2; the first: onnx: failed: " in told
    assert "broken.onnx" in told
