"""What d6d559a wrote is read and resumed: run directories, bundles, pairs of a gate, a history, keys, options.

`data/d6d559a/` holds it, and its README says how it was made. All but the last tests go through the command line, as a
user does, so that they apply whatever the modules behind it are called.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.records.schema import COLUMNS, columns_of

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data" / "d6d559a"
HERE = b"@HERE@"
"""Stands in the data for the directory that everything was made in."""

NEW = {column.name for column in COLUMNS if column not in columns_of(3)} | {"schema_version"}
"""Columns that the data lacks, which is of schema version 3, and the one that states the version."""

REFERENCE_SHA256 = "83cb777f5f79890e772b3ad1bbcd2c6540e9116e6300d8e81ca0c46bcca8443e"

# The commands that made the data, see its README.
NETWORKS = ["--onnx", "networks/shallow.onnx", "--onnx", "networks/deep.onnx"]
TIMING = ["--threads", "1", "--block-ms", "2", "--block-groups", "1"]
RUN = ["run", *NETWORKS, "--onnx", "networks/not_finite.onnx", "--images", "images", "--output", "run", *TIMING]
RUN += ["--half-width", "0"]
PAIRS = ["--cache-dir", "cache", "--threads", "1", "--block-ms", "25", "--block-groups", "1", "--confirm-pairs", "7"]
PAIRS += ["--pairs", "5", "--seed", "7"]
GATE = ["gate", "networks/shallow.onnx", "networks/deep.onnx", *PAIRS]
SELFCHECK = ["selfcheck", "networks/shallow.onnx", *PAIRS, "--comparisons", "2", "--gates", "1", "--slowdown", "50"]
CONVERT = ["convert", "--resolution", "16", "--workers", "1"]

SERIES = ["onnx/shallow", "onnx/deep", "onnx/not_finite"]


def environment_of(facts: dict[str, Any]) -> tuple[str, str]:
    """The id and the device of stored facts, which no command computes."""
    from harness.machine.environment import Environment

    environment = Environment.from_json(facts)
    return environment.environment_id, environment.device


def artifact_keys(stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[list[str | None], list[str]]:
    """The keys of the stored requests, and of what is derived from the stored artifact, which no command prints.

    What is installed and what this project's own networks are coded in is as it was when the keys were stored.
    """
    import zoo
    from converters import precision, request
    from converters.artifact import Artifact

    def installed(packages: tuple[str, ...]) -> dict[str, str]:
        return {package: stored["installed_versions"][package] for package in packages}

    monkeypatch.setattr(request, "installed_versions", installed)
    monkeypatch.setattr(precision, "installed_versions", installed)
    monkeypatch.setattr(request, "_source_texts", lambda *packages: stored["source_texts"][" ".join(packages)])
    wanted = [request.ConversionRequest(**one["request"]) for one in stored["fp32"]]
    source = Artifact(Path("model.onnx"), {"sha256": stored["fp32_sha256"]})
    derived = []
    for one in stored["derived"]:
        folder = one["options"].get("calibration_images")
        options = {**one["options"], "calibration_images": folder and Path(folder)}
        derived.append(precision.derived_key(source, one["precision"], request.PrecisionOptions(**options)))
    return [request.stored_under(one, zoo.card(one.model)) for one in wanted], derived


def command(
    where: Path, *arguments: str, module: str = "harness", code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a directory, and compares its exit code with the one expected; None for any."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "120"}
    environment.pop("GITHUB_STEP_SUMMARY", None)
    line = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(line, cwd=where, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert code in (None, done.returncode), f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows without what later schema versions added, and without the version."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: row[name] for name in row if name not in NEW} for row in csv.DictReader(file)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flattened(data: Any, name: str = "") -> dict[str, Any]:
    """The leaves of JSON by their dotted names, fractions to nine digits, beyond which logarithms may differ."""
    if not isinstance(data, dict | list):
        return {name: float(f"{data:.9g}") if isinstance(data, float) else data}
    parts = data.items() if isinstance(data, dict) else enumerate(data)
    return {name: type(data).__name__} | {
        leaf: value for key, part in parts for leaf, value in flattened(part, f"{name}.{key}").items()
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run, `new`, of the stored networks by the present code, and with its cache."""
    where = tmp_path_factory.mktemp("here")
    for name in ("networks", "images"):
        shutil.copytree(DATA / name, where / name)
    wanted = ["--images", "images", "--output", "new", "--cache-dir", "cache", *TIMING, "--rounds", "2"]
    command(where, "run", *NETWORKS, *wanted)
    return where


@pytest.fixture
def cache(here: Path) -> list[str]:
    """The option that spares writing the reference network again."""
    return ["--cache-dir", str(here / "cache")]


@pytest.fixture
def reference(here: Path) -> Path:
    """The reference network, as the present code writes it."""
    found = [path for path in (here / "cache").rglob("*.onnx") if file_sha256(path) == REFERENCE_SHA256]
    assert len(found) == 1
    return found[0]


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def stored(here: Path, tmp_path: Path) -> Path:
    """A copy of the data as if this machine had made it in the copy's directory.

    Nothing that was measured elsewhere is ever continued, so the facts of the environment are those of this machine
    and installation, with their id and device. Facts that the stored environment does not have are left out.
    """
    where = tmp_path / "stored"
    shutil.copytree(DATA, where)
    now, then = read_json(here / "new" / "run.json"), read_json(where / "run" / "run.json")
    assert set(then["environment"]) <= set(now["environment"])
    for name in (
        "run/run.json",
        "gate/conditions.json",
        "gate_interrupted/conditions.json",
        "selfcheck/conditions.json",
    ):
        facts = read_json(where / name)
        facts["environment"] = {fact: now["environment"][fact] for fact in facts["environment"]}
        facts |= {fact: now[fact] for fact in ("environment_id", "device") if fact in facts}
        (where / name).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    texts = {HERE: os.fsencode(where)}
    texts |= {then[name].encode(): now[name].encode() for name in ("environment_id", "device")}
    for path in where.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".csv", ".md"):
            text = path.read_bytes()
            for old, new in texts.items():
                text = text.replace(old, new)
            path.write_bytes(text)
    return where


@pytest.fixture
def untouched(tmp_path: Path) -> Path:
    """A copy of the data as it is, of the environment that it was made in."""
    where = tmp_path / "untouched"
    shutil.copytree(DATA, where)
    return where


@pytest.fixture
def bundle(stored: Path, reference: Path) -> Path:
    """The stored bundle with the reference network in it, which the data leaves out."""
    path = stored / "bundle"
    shutil.copy(reference, path / read_json(path / "bundle.json")["reference"]["path"])
    return path


def test_a_run_is_continued(stored: Path, here: Path, cache: list[str]) -> None:
    """The environment of the stored run is replaced by this machine's, see `stored`."""
    run = stored / "run"
    before, rows_before = contents(run), read_rows(run / "results.csv")
    series_before, info_before = read_json(run / "series.json"), read_json(run / "run.json")
    command(stored, *RUN, *cache, "--rounds", "3", code=1)

    after = contents(run)
    assert after["trials.jsonl"].startswith(before["trials.jsonl"])
    earlier = {(one["series"], one["round"]): one["result"] for one in read_lines(DATA / "run" / "trials.jsonl")}
    added = read_lines(run / "trials.jsonl")[len(earlier) :]
    keys = [one["series"] for one in added]
    assert sorted(keys) == sorted({series for series, round_ in earlier if round_ == 1})
    for one in added:
        assert (one["round"], one["result"]["status"]) == (2, "ok")
        assert set(earlier[one["series"], 0]) <= set(one["result"])
        assert one["result"]["input_digest"] == earlier[one["series"], 0]["input_digest"]
        assert one["result"]["reference_sha256"] == REFERENCE_SHA256

    kept = [name for name in before if name.startswith("samples/") or name.endswith((".parquet", "images.jsonl"))]
    assert len(kept) == 7
    assert [name for name in kept if after[name] != before[name]] == []
    samples = {name.replace("round000", "round002") for name in kept if "round000" in name}
    assert len(samples) == 2
    assert samples <= set(after)
    assert after["accuracy.jsonl"].startswith(before["accuracy.jsonl"])

    assert header(run / "results.csv") == header(DATA / "run" / "results.csv")
    rows = read_rows(run / "results.csv")
    assert [(row["model"], row["status"], row["trials_count"], row["trials_failed_count"]) for row in rows] == [
        ("onnx/shallow", "ok", "3", "0"),
        ("onnx/deep", "ok", "3", "0"),
        ("onnx/not_finite", "failed", "0", "1"),
    ]
    for row, row_before in zip(rows, rows_before, strict=True):
        assert row["latency_trials_ms"].startswith(row_before["latency_trials_ms"])
        assert row["environment_id"] == read_json(here / "new" / "run.json")["environment_id"]
        for name in row:
            if name.startswith(("accuracy_", "artifact_")) or name in ("reason", "input_digest", "run_seed"):
                assert row[name] == row_before[name], name

    for one, one_before in zip(read_json(run / "series.json"), series_before, strict=True):
        assert {name: one[name] for name in one_before} == one_before
    info = read_json(run / "run.json")
    assert set(info) == set(info_before)
    assert set(info["settings"]) >= set(info_before["settings"])
    changed = {name for name in info if info[name] != info_before[name]}
    assert changed <= {"settings", "harness_version", "environment", "schema_version"}


def header(path: Path) -> list[str]:
    """The columns in order, without those that later schema versions added."""
    with path.open(encoding="utf-8", newline="") as file:
        return [name for name in next(csv.reader(file)) if name not in NEW]


def test_reports_of_a_run_are_written(untouched: Path) -> None:
    before = contents(untouched / "run")
    command(untouched, "report", "run")
    after = contents(untouched / "run")
    assert {name for name in after if name not in before} >= {"report.html", "frontier.svg"}
    assert [name for name in before if after[name] != before[name] and name != "results.md"] == []
    for name in SERIES:
        assert name.encode() in after["results.md"]

    command(untouched, "html", "run", "-o", "page.html", module="reports")
    command(untouched, "csv", "run", "-o", "rows.csv", module="reports")
    page = (untouched / "page.html").read_text(encoding="utf-8")
    table = command(untouched, "markdown", "run", module="reports").stdout
    assert [name for name in SERIES if name not in page or name not in table] == []
    rows = read_rows(untouched / "rows.csv")
    assert sorted(row["model"] for row in rows) == sorted(SERIES)
    stored_rows = {row["model"]: row for row in read_rows(untouched / "run" / "results.csv")}
    for row in rows:
        assert row["latency_trials_ms"] == stored_rows[row["model"]]["latency_trials_ms"]


def test_a_run_is_compared_with_itself(untouched: Path) -> None:
    command(untouched, "compare", "run", "run", "--json", "compared.json", code=3)
    series = read_json(untouched / "compared.json")["series"]
    assert [(one["key"]["model"], one["verdict"]) for one in series] == [
        ("onnx/shallow", "inconclusive"),
        ("onnx/deep", "inconclusive"),
        ("onnx/not_finite", "not measured"),
    ]
    assert [one["latency_change_percent"] for one in series] == [0, 0, None]


def test_a_run_is_compared_with_a_new_one(stored: Path, here: Path) -> None:
    """The environment of the stored run is replaced by this machine's, see `stored`: else nothing is comparable.

    Two rounds may show anything. That each row found its counterpart, and got an interval, is what counts.
    """
    done = command(stored, "compare", "run", str(here / "new"), "--json", "compared.json", code=None)
    assert done.returncode in (0, 1, 3), done.stderr
    series = {one["key"]["model"]: one for one in read_json(stored / "compared.json")["series"]}
    assert list(series) == SERIES
    stored_rows = {row["model"]: row for row in read_rows(stored / "run" / "results.csv")}
    for name in SERIES[:2]:
        assert series[name]["verdict"] in ("regressed", "improved", "same", "inconclusive")
        assert series[name]["change"] is not None
        assert series[name]["base_latency_ms"] == pytest.approx(float(stored_rows[name]["latency_median_ms"]), rel=1e-4)


def test_runs_of_two_environments_are_not_compared(untouched: Path) -> None:
    """The data as it is, and a copy of it that is of another environment."""
    shutil.copytree(untouched / "run", untouched / "other")
    path = untouched / "other" / "results.csv"
    stored_id = read_json(untouched / "run" / "run.json")["environment_id"]
    path.write_text(path.read_text(encoding="utf-8").replace(stored_id, "0123456789ab"), encoding="utf-8")
    done = command(untouched, "compare", "run", "other", code=2)
    assert stored_id in done.stderr
    assert "0123456789ab" in done.stderr
    command(untouched, "compare", "run", "other", "--across-environments", code=3)


def test_nothing_is_evaluated_again_and_the_rows_are_written_again(stored: Path, cache: list[str]) -> None:
    """The environment of the stored run is replaced by this machine's, see `stored`."""
    run = stored / "run"
    before, rows_before = contents(run), read_rows(run / "results.csv")
    (run / "results.csv").unlink()
    wanted = ["--images", "images", "--output", "run", "--resume", "--threads", "1", *cache]
    done = command(stored, "accuracy", *NETWORKS, *wanted)
    assert "accuracy: 2 series kept as an earlier version of this harness began them" in done.stderr
    after = contents(run)
    kept = [name for name in before if name.startswith("accuracy/") or name == "trials.jsonl"]
    assert len(kept) == 5
    assert [name for name in kept if after[name] != before[name]] == []
    rows = read_rows(run / "results.csv")
    evaluated = [row for row in rows if row["accuracy_measured_top1_percent"]]
    assert len(evaluated) == 2
    for row in evaluated:
        # Earlier versions did not say how they prepared the images.
        assert row["warnings"].startswith("Images were prepared as assumed (")
        row["warnings"] = ""
    assert rows == rows_before


def test_accuracies_are_compared_image_by_image(stored: Path, here: Path) -> None:
    """The stored run does not say with which libraries its images were decoded and resized."""
    done = command(stored, "accuracy-compare", "run", str(here / "new"), "--json", "compared.json")
    assert done.stdout.startswith("pixel libraries: may differ in 2 pairs;")
    assert "base:  unknown (an older version did not record it)" in done.stdout
    pairs = read_json(stored / "compared.json")["pairs"]
    assert [one["model"] for one in pairs] == SERIES[:2]
    for one in pairs:
        assert one["difference"]["images"] == 12
        assert one["same_class_percent"] == 100


def test_a_bundle_is_measured(stored: Path, bundle: Path, cache: list[str]) -> None:
    before = contents(bundle)
    command(stored, "run", "--artifacts", "bundle", "--output", "measured", *TIMING, "--rounds", "1", *cache)
    (row,) = read_rows(stored / "measured" / "results.csv")
    facts = read_json(bundle / "bundle.json")["models"][0]["facts"]
    assert (row["model"], row["status"], row["trials_count"]) == ("own/nets:small", "ok", "1")
    same = ("artifact_sha256", "weights_sha256", "parameters", "macs", "classes", "resolution", "exporter", "opset")
    assert {name: row[name] for name in same} == {name: str(facts[name]) for name in same}
    assert row["reference_sha256"] == REFERENCE_SHA256
    assert contents(bundle) == before


def test_a_bundle_is_added_to(stored: Path, bundle: Path, cache: list[str]) -> None:
    """The stored network too is converted again, to the same bytes, where the exporter is of the stored versions."""
    before, index_before = contents(bundle), read_json(bundle / "bundle.json")
    (entry,) = index_before["models"]
    made_by = read_json(bundle / entry["provenance"]["path"])["exporter"]
    packages = {name: version for name, version in made_by.items() if name != "name"}
    again = all(installed_version(name) == version for name, version in packages.items())
    models = ["--model", "nets:wide", *(["--model", "nets:small"] if again else [])]
    done = command(stored, *CONVERT, *models, "--export", "bundle", *cache)
    assert "own/nets:wide: copied" in done.stderr
    assert ("own/nets:small: was there" in done.stderr) == again

    index = read_json(bundle / "bundle.json")
    assert set(index) == {*index_before, "engines"}
    assert [one["facts"]["model"] for one in index["models"]] == ["own/nets:small", "own/nets:wide"]
    assert index["models"][0]["artifact"] == entry["artifact"]
    for one in index["models"]:
        assert set(one) == {*entry, "fused_for"}
        assert set(one["facts"]) >= set(entry["facts"])
        for file in (one["artifact"], one["provenance"]):
            assert file_sha256(bundle / file["path"]) == file["sha256"]
    after = contents(bundle)
    # The provenance of what is converted again states how long that took.
    kept = [name for name in before if name.endswith(".onnx")]
    assert len(kept) == 2
    assert [name for name in kept if after[name] != before[name]] == []


def installed_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def test_a_finished_gate_is_judged_again(stored: Path) -> None:
    """The environment of the stored gate is replaced by this machine's, see `stored`."""
    before = contents(stored / "gate")
    count = len(read_lines(stored / "gate" / "pairs.jsonl"))
    done = command(stored, *GATE, "--output", "gate", "--json", "again.json", code=1)
    assert f"already had all {count} pairs and nothing was measured" in done.stderr
    assert "1 regressed of 1 series" in done.stdout
    after = contents(stored / "gate")
    assert {name: after[name] for name in before} == before
    again = read_json(stored / "again.json")
    # A later version added it; it is empty, as no series shared its artifacts with another.
    assert [one.pop("measured_as") for one in again["series"]] == [""]
    sides = [one["pairing"][side] for one in again["series"] for side in ("base", "new")]
    added = {"inputs": "", "custom_operators": "", "companions": [], "backend": "", "graph": "native"}
    assert [side.pop(name) for side in sides for name in added] == [*added.values()] * 2
    assert flattened(again) == flattened(read_json(stored / "gate.json"))


def test_an_interrupted_gate_is_resumed(stored: Path) -> None:
    """The environment of the stored gate is replaced by this machine's, see `stored`.

    It had screened five pairs, the first of them four times since others disturbed it, and had two of seven pairs to
    confirm, the first of them four times as well. Nothing more is repeated, so five pairs are missing.
    """
    path = stored / "gate_interrupted" / "pairs.jsonl"
    before, earlier = path.read_bytes(), read_lines(path)
    assert len(earlier) == 4 + 4 + 4 + 1
    done = command(stored, *GATE, "--output", "gate_interrupted", "--json", "found.json", code=1)
    assert "had all" not in done.stderr
    assert path.read_bytes().startswith(before)
    pairs = read_lines(path)
    assert len(pairs) == len(earlier) + 5
    for one in pairs[len(earlier) :]:
        assert set(one) == set(earlier[0])
        assert set(one["result"]) >= set(earlier[0]["result"])
        assert one["result"]["status"] == "ok"
    (series,) = read_json(stored / "found.json")["series"]
    assert series["verdict"] == "regressed"
    log_ratios = [one["result"]["log_ratio"] for one in pairs]
    assert series["screen_log_ratios"] == log_ratios[3:8]
    assert series["log_ratios"] == log_ratios[11:]


def test_a_finished_selfcheck_is_evaluated_again(stored: Path) -> None:
    """The environment of the stored self-check is replaced by this machine's, see `stored`."""
    folder = stored / "selfcheck"
    before, data = contents(folder), read_json(folder / "selfcheck.json")
    for name in ("selfcheck.json", "selfcheck.md", "selfcheck_pairs.csv"):
        (folder / name).unlink()
    done = command(stored, *SELFCHECK, "--output", "selfcheck")
    assert "already had all 34 pairs and nothing was measured" in done.stderr
    after = contents(folder)
    assert [name for name in ("pairs.jsonl", "selfcheck_pairs.csv") if after[name] != before[name]] == []
    assert flattened(read_json(folder / "selfcheck.json")) == flattened(data)


def test_a_gate_of_another_environment_is_not_mixed_with_this_one(untouched: Path) -> None:
    """The data as it is, except its environment's id, so that no machine is that of the data."""
    path = untouched / "gate" / "conditions.json"
    path.write_text(json.dumps(read_json(path) | {"environment_id": "0123456789ab"}), encoding="utf-8")
    before = contents(untouched / "gate")
    done = command(untouched, *GATE, "--output", "gate", code=2)
    assert "environment_id was '0123456789ab'" in done.stderr
    assert contents(untouched / "gate")["pairs.jsonl"] == before["pairs.jsonl"]


def test_a_history_is_shown_and_exported(untouched: Path) -> None:
    listed = command(untouched, "history", "list").stdout
    runs = {row["run_id"]: row["label"] for row in read_rows(untouched / "history.csv")}
    assert sorted(runs.values()) == ["", "first", "second"]
    assert [run for run in runs if run not in listed] == []
    shown = command(untouched, "history", "onnx/shallow", "--plot", "history.svg", "--markdown", "history.md").stdout
    assert "first" in shown
    assert "second" in shown
    assert (untouched / "history.svg").is_file()
    command(untouched, "history", "export", "again.csv")
    assert read_rows(untouched / "again.csv") == read_rows(untouched / "history.csv")
    assert header(untouched / "again.csv") == header(untouched / "history.csv")


def test_runs_are_added_to_a_history(untouched: Path, here: Path) -> None:
    """The history has the stored run after its first round, and the data after its second."""
    run = next(row["run_id"] for row in read_rows(untouched / "history.csv") if row["label"] == "first")
    told = command(untouched, "history", "add", "run").stdout
    assert f"replaces an earlier state of run {run}" in told
    assert "3 runs" in told
    assert "nothing changed" in command(untouched, "history", "add", "run").stdout
    added = command(untouched, "history", "add", str(here / "new"), "--label", "newest").stdout
    assert "added as run" in added
    assert "4 runs" in added
    command(untouched, "history", "export", "again.csv")
    rows, earlier = read_rows(untouched / "again.csv"), read_rows(untouched / "history.csv")
    labels = [row["label"] for row in rows]
    assert {label: labels.count(label) for label in labels} == {"first": 3, "second": 2, "": 1, "newest": 2}
    assert [row for row in earlier if row["label"] != "first" and row not in rows] == []
    stored_rows = read_rows(untouched / "run" / "results.csv")
    replaced = [row for row in rows if row["label"] == "first"]
    assert [{name: row[name] for name in stored_rows[0] if row.get(name)} for row in replaced] == [
        {name: text for name, text in row.items() if text} for row in stored_rows
    ]


def test_the_reference_network_is_the_same(reference: Path, here: Path) -> None:
    """Its digest is also what `reference` looks for."""
    assert reference.stat().st_size == read_json(DATA / "bundle" / "bundle.json")["reference"]["size_bytes"]
    assert read_json(here / "new" / "run.json")["reference_sha256"] == REFERENCE_SHA256


@pytest.mark.parametrize("position", range(4))
def test_an_environment_keeps_its_id(position: int) -> None:
    """Environments of processors alone, and of GPUs whose facts were made up."""
    stored = read_json(DATA / "environments.json")[position]
    assert environment_of(stored["environment"]) == (stored["environment_id"], stored["device"])


def test_the_stored_run_has_its_environments_id() -> None:
    info = read_json(DATA / "run" / "run.json")
    assert environment_of(info["environment"]) == (info["environment_id"], info["device"])


def test_artifacts_keep_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of packages and the text of this project's own networks count in a key: they are as they were stored."""
    stored = read_json(DATA / "artifact_keys.json")
    monkeypatch.chdir(DATA)
    fp32, derived = artifact_keys(stored, monkeypatch)
    wanted = {json.dumps(one["request"]): one["key"] for one in stored["fp32"]}
    assert dict(zip(wanted, fp32, strict=True)) == wanted
    assert derived == [one["key"] for one in stored["derived"]]


Parsed = dict[str, set[str]]


def parsed_help(text: str) -> Parsed:
    """The options and positional arguments in a command's help, each with its choices where it has some.

    A positional is under its metavar, and what a command chooses among counts as its choices.
    """
    found: Parsed = {}
    title, indent, newest = "", 0, set[str]()
    for line in text.splitlines():
        heading = re.fullmatch(r"(\S.*):", line)
        if heading:
            title = heading[1]
            continue
        entry = re.match(r"( +)(\S.*?)(?:  |$)", line)
        if not entry or not title:
            continue
        depth, words = len(entry[1]), entry[2]
        choices = set(braced[1].split(",")) if (braced := re.search(r"\{(.*?)\}", words)) else set[str]()
        if depth == 2 and words.startswith("-"):
            newest, indent = choices, depth
            found |= {word.strip(","): choices for word in words.split() if word.startswith("-")}
        elif depth == 2 and title == "positional arguments":
            newest, indent = choices, depth
            found[words] = choices
        elif depth == 4 and indent == 2 and title == "positional arguments":
            newest.add(words)
    return found


def test_help_is_parsed() -> None:
    """Both layouts of an option with a short form: the older one names the value twice."""
    text = """\
usage: x [-h] [-o FILE] [--kind {a,b}] COMMAND ...

positional arguments:
  COMMAND
    list       all of them
    show       one

options:
  -h, --help   show this
  -o FILE, --output FILE
               where to
  --kind {a,b}  which one
  --on, --no-on
"""
    assert parsed_help(text) == {
        "COMMAND": {"list", "show"},
        "-h": set(),
        "--help": set(),
        "-o": set(),
        "--output": set(),
        "--kind": {"a", "b"},
        "--on": set(),
        "--no-on": set(),
    }
    assert parsed_help(text.replace("-o FILE, --output FILE", "-o, --output FILE")) == parsed_help(text)


def test_no_option_or_argument_is_missing(tmp_path: Path) -> None:
    """Options may be added, and explanations may change."""
    files = sorted((DATA / "help").glob("*.txt"))
    assert len(files) == 27

    def present(file: Path) -> Parsed:
        module, *words = file.stem.split(" ")
        return parsed_help(command(tmp_path, *words, "--help", module=module).stdout)

    with ThreadPoolExecutor(2) as pool:
        helps = dict(zip(files, pool.map(present, files), strict=True))
    gone = {}
    for file, there in helps.items():
        stored = parsed_help(file.read_text(encoding="utf-8"))
        assert "--help" in stored
        lost = [name for name in stored if name not in there]
        lost += [f"{name} {choice}" for name in stored for choice in stored[name] - there.get(name, set())]
        if lost:
            gone[file.stem] = lost
    assert gone == {}
