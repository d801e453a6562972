from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation import privacy

REPORTING = ("onnxruntime", "huggingface_hub", "keras", "tensorflow")
"""Packages that read their variables when they are imported."""


def after_import(package: str, set_by_user: str | None) -> tuple[dict[str, str], set[str]]:
    """The switches and the loaded modules of a fresh process that imported the package."""
    code = f"import {package}, json, os, sys; print(json.dumps([dict(os.environ), list(sys.modules)]))"
    environment = {name: value for name, value in os.environ.items() if name not in privacy.SWITCHES}
    if set_by_user is not None:
        environment |= dict.fromkeys(privacy.SWITCHES, set_by_user)
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    variables, modules = json.loads(ended.stdout)
    return {name: variables[name] for name in privacy.SWITCHES}, set(modules)


@pytest.mark.parametrize("package", ["harness", "converters", "zoo", "reports"])
def test_importing_a_package_switches_reports_off(package: str) -> None:
    switches, modules = after_import(package, None)
    assert switches == privacy.SWITCHES
    # Imported along with the package, they might have read their variables before.
    assert not modules & set(REPORTING)


@pytest.mark.parametrize(("set_by_user", "expected"), [("", "1"), ("0", "0"), ("true", "true")])
def test_the_user_decides(set_by_user: str, expected: str) -> None:
    assert after_import("harness", set_by_user)[0] == dict.fromkeys(privacy.SWITCHES, expected)


@pytest.mark.parametrize(
    ("variables", "state"),
    [
        ({}, "off"),
        ({"ORT_DISABLE_TELEMETRY": " True "}, "off"),
        ({"ORT_DISABLE_TELEMETRY": "0"}, "ORT_DISABLE_TELEMETRY=0"),
        (
            {"ORT_DISABLE_TELEMETRY": "no", "HF_HUB_DISABLE_TELEMETRY": "0"},
            "ORT_DISABLE_TELEMETRY=no, HF_HUB_DISABLE_TELEMETRY=0",
        ),
    ],
)
def test_the_state_names_the_variables_that_leave_reports_on(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], state: str
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in privacy.SWITCHES:
        monkeypatch.setenv(name, variables.get(name, ""))
    privacy.switch_off()
    assert privacy.telemetry() == state


def test_before_it_is_switched_off_the_state_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    assert privacy.telemetry() == "ORT_DISABLE_TELEMETRY="


def test_on_windows_the_state_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    privacy.switch_off()
    assert privacy.telemetry() is None


def test_keras_leaves_no_settings_in_an_empty_home(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("KERAS_HOME", None)
    code = "from foundation import privacy; privacy.leave_no_settings(); import keras; print(keras.backend.backend())"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "tensorflow"
    assert not (tmp_path / ".keras").exists()


@pytest.mark.parametrize("variable", [None, "/chosen"])
@pytest.mark.parametrize("has_settings", [True, False])
def test_a_users_settings_of_keras_are_read_as_always(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None, has_settings: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", variable or "")
    if has_settings:
        (tmp_path / ".keras").mkdir()
        (tmp_path / ".keras" / "keras.json").write_text("{}")
    privacy.leave_no_settings()
    assert os.environ["KERAS_HOME"] == (variable or ("" if has_settings else os.devnull))
