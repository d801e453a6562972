"""The CI recipes: the commands and options that they use exist, and they treat exit codes as documented."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.commands.parser import parse

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"
SCRIPTS = sorted(RECIPES.glob("*.sh"))
WORKFLOW = RECIPES / "github_actions.yml"
DOCUMENTS = [ROOT / "docs/ci.md", ROOT / "docs/history.md"]

# What a shell substitutes for its variables, for a parser that expects numbers and paths.
_SHELL = (
    (r"\$\{\w+:-([^}]*)\}", r"\1"),
    (r"\$\{\w+:\+([^}]*)\}", r"\1"),
    (r"\$\([^)]*\)", "word"),
    (r"\$\d", "1"),
    (r"\$\w+", "word"),
)


def commands_in(text: str) -> list[str]:
    """The calls of this project's programs, one per line, as a shell would pass them."""
    joined = re.sub(r"\\\n\s*", "", text)
    found = []
    for line in joined.splitlines():
        call = re.search(r"-m (harness|reports)( .*)", line)
        if call and not line.lstrip().startswith("#"):
            command = re.split(r" \|\| | && | > |\s#|[;`]", call[1] + call[2])[0]
            for pattern, replacement in _SHELL:
                command = re.sub(pattern, replacement, command)
            found.append(command)
    return found


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return dict(yaml.safe_load(WORKFLOW.read_text()))


COMMANDS = [
    pytest.param(command, id=f"{path.name}: {command}")
    for path in [*SCRIPTS, WORKFLOW, *DOCUMENTS]
    for command in commands_in(path.read_text())
]


def test_every_recipe_calls_something() -> None:
    assert {path.name for path in SCRIPTS} == {"compare.sh", "gate.sh", "history.sh"}
    assert all(commands_in(path.read_text()) for path in [*SCRIPTS, WORKFLOW, *DOCUMENTS])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_with_these_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = shlex.split(command)
    parsing: Callable[[list[str]], object] = parse
    if program == "reports":
        parsing = pytest.importorskip("reports.cli").build_parser().parse_args
    try:
        parsing(words)
    except SystemExit:
        pytest.fail(f"{command}\n{capsys.readouterr().err}")


def test_a_removed_option_would_be_noticed() -> None:
    [command] = commands_in('"$python" -m harness run --rounds "${ROUNDS:-6}" --gone "$out/$3" || code=$?\n')
    assert command == 'harness run --rounds "6" --gone "word/1"'
    with pytest.raises(SystemExit):
        parse(shlex.split(command)[1:])


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash_and_executable(path: Path) -> None:
    assert path.stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", path], check=False, capture_output=True).stderr == b""


def test_the_workflow_is_made_of_pinned_actions_and_scripts_that_exist(workflow: dict[str, Any]) -> None:
    assert set(workflow["jobs"]) == {"compare", "history"}
    for step in steps(workflow):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
            continue
        checked = subprocess.run(["bash", "-n"], input=step["run"], text=True, check=False, capture_output=True)
        assert checked.stderr == ""
        for script in re.findall(r"head/(recipes/\S+)", step["run"]):
            assert (ROOT / script).is_file()


def test_only_the_history_may_write_to_the_repository(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow["jobs"]["compare"]


# A stand-in for the harness records the scripts' calls and returns the given exit codes.
STAND_IN = """\
#!/usr/bin/env bash
echo "$(basename "$PYTHONPATH") $*" >> "$CALLS"
[ "$PWD" = "$PYTHONPATH" ] || exit 99
case "$3" in
    run)
        echo "$*" | sed "s/.*--output \\([^ ]*\\).*/\\1/" | xargs mkdir -p
        exit "${RUN_CODE:-0}"
        ;;
    convert) exit "${CONVERT_CODE:-0}" ;;
    compare | gate) exit "${VERDICT_CODE:-0}" ;;
esac
"""


@pytest.fixture
def call(tmp_path: Path):
    """Runs a recipe on checkouts named base and head; returns its exit code and the harness calls."""
    python = tmp_path / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    for side in ("base", "head"):
        (tmp_path / side).mkdir()

    def run(script: str, *words: str, **settings: str) -> tuple[int, list[str]]:
        calls = tmp_path / "calls"
        calls.write_text("")
        ended = subprocess.run(
            [RECIPES / script, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHON": str(python), "CALLS": str(calls), "LABEL": "abc", **settings},
            capture_output=True,
            check=False,
        )
        return ended.returncode, calls.read_text().splitlines()

    return run


def test_the_sides_take_turns_and_the_head_judges(call, tmp_path: Path) -> None:
    code, calls = call("compare.sh", "base", "head", "out", ROUNDS="3", CACHE_DIR="/cache dir")
    assert code == 0
    assert [line.split()[0] for line in calls] == ["base", "head", "head", "base", "base", "head", "head"]
    assert [line.split("--rounds ")[1][0] for line in calls[:-1]] == list("112233")
    assert f"--output {tmp_path}/out/base --cache-dir /cache dir" in calls[0]
    assert calls[-1].startswith(f"head -m harness compare {tmp_path}/out/base {tmp_path}/out/head")


@pytest.mark.parametrize("code", [0, 1, 2, 3])
@pytest.mark.parametrize("script", ["compare.sh", "gate.sh"])
def test_the_verdict_is_the_exit_code(call, script: str, code: int) -> None:
    assert call(script, "base", "head", "out", ROUNDS="1", VERDICT_CODE=str(code))[0] == code


def test_rows_that_are_not_ok_are_left_to_the_comparison(call) -> None:
    code, calls = call("compare.sh", "base", "head", "out", ROUNDS="1", RUN_CODE="1")
    assert (code, len(calls)) == (0, 3)


def test_a_failed_conversion_is_not_a_regression(call) -> None:
    code, calls = call("gate.sh", "base", "head", "out", CONVERT_CODE="1")
    assert (code, len(calls)) == (0, 3)
    code, calls = call("gate.sh", "base", "head", "out", CONVERT_CODE="2")
    assert (code, len(calls)) == (2, 1)


@pytest.mark.parametrize("script", ["compare.sh", "history.sh"])
def test_a_run_that_was_refused_or_interrupted_ends_the_recipe(call, script: str) -> None:
    for refused in (2, 130):
        code, calls = call(script, "base", "head", f"out{refused}", RUN_CODE=str(refused))
        assert (code, len(calls)) == (refused, 1)


def test_a_run_is_added_to_the_history_and_shown(call, tmp_path: Path) -> None:
    code, calls = call("history.sh", "head", "kept/history.sqlite", "out", RUN_CODE="1")
    assert code == 0
    assert [" ".join(line.split()[3:5]) for line in calls[1:]] == ["history add", "history all", "history export"]
    assert all(f"--store {tmp_path}/kept/history.sqlite" in line for line in calls[1:])
    assert calls[1].endswith("--label abc")


@pytest.mark.parametrize("script", ["compare.sh", "history.sh"])
def test_runs_of_an_earlier_call_are_refused_unless_resumed(call, script: str) -> None:
    words = ["base", "head", "out"] if script == "compare.sh" else ["head", "history.sqlite", "out"]
    assert call(script, *words)[0] == 0
    assert call(script, *words) == (2, [])
    code, calls = call(script, *words, RESUME="1")
    assert code == 0
    assert "harness run" in calls[0]


def test_the_workflow_begins_without_the_last_jobs_runs(workflow: dict[str, Any]) -> None:
    measuring = [step["run"] for step in steps(workflow) if "recipes/" in step.get("run", "")]
    assert len(measuring) == 2
    assert all("rm -rf out\n" in command.split("recipes/")[0] for command in measuring)


@pytest.mark.parametrize("script", ["compare.sh", "gate.sh", "history.sh"])
def test_an_interpreter_and_a_cache_are_found_from_where_it_was_called(call, tmp_path: Path, script: str) -> None:
    """Recipes change into each checkout, and a virtual environment's interpreter stays a link."""
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/python").symlink_to(tmp_path / "python")
    code, calls = call(script, "base", "head", "out", PYTHON="venv/python", CACHE_DIR="cache", ROUNDS="1")
    assert code == 0
    assert f"--cache-dir {tmp_path}/cache" in calls[0]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_missing_arguments_are_reported_with_the_usage(path: Path) -> None:
    ended = subprocess.run([path, "one"], capture_output=True, check=False, text=True)
    assert ended.returncode == 2
    assert "usage:" in ended.stderr
