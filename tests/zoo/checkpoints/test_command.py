"""`python -m zoo fetch` in processes of its own, with a mirror on this machine."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

import zoo
from foundation import privacy
from tests.fakes import release_server as replies
from tests.fakes.checkpoints import checkpoint_bytes, files_under
from zoo.checkpoints.location import locate
from zoo.cli import main

MODEL = "regnet/RegNetX-200MF"
PLACE = "dl.fbaipublicfiles.com/pycls/dds_baselines/160905981/RegNetX-200MF_dds_8gpu.pyth"
DATA = checkpoint_bytes()
LARGE = checkpoint_bytes(values=3_000_000)
_ROOT = Path(__file__).parents[3]


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        # As in a user's shell: what switches reports off is the program's to set.
        env={name: value for name, value in os.environ.items() if name not in privacy.SWITCHES} | environment,
    )


def test_one_model(server, tmp_path, capsys):
    server.files[f"/{PLACE}"] = DATA
    assert main(["fetch", MODEL, "--mirror", server.address, "--cache-dir", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(rf"{MODEL}  {tmp_path}/checkpoints/{PLACE}  [0-9a-f]{{64}}\n", said.out)
    assert "1 of 1 models have their checkpoint (1 files, " in said.err
    assert "; 1 fetched now)" in said.err


def test_what_is_available_is_fetched(server, tmp_path, capsys):
    server.files[f"/{PLACE}"] = DATA
    lock = tmp_path / "team.toml"
    arguments = ["fetch", "regnetx-200mf", "regnetx-400mf,efficientnet-x-b0", "--mirror", server.address]
    assert main([*arguments, "--cache-dir", str(tmp_path), "--lock", str(lock)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith(f"{MODEL}  ")
    assert "regnet/RegNetX-400MF: http://127.0.0.1" in said.err
    summary = said.err.splitlines()[-1]
    assert summary.endswith("; 1 had none published; 1 could not be fetched: regnet/RegNetX-400MF")
    assert PLACE in lock.read_text()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir() if path.suffix == ".toml") == []


def test_only_what_was_never_published(tmp_path, capsys):
    assert main(["fetch", "efficientnet-x-b0", "--cache-dir", str(tmp_path)]) == 1
    assert "0 of 1 models have their checkpoint" in capsys.readouterr().err


def test_a_list(server, tmp_path, capsys):
    server.files[f"/{PLACE}"] = DATA
    main(["fetch", MODEL, "--mirror", server.address, "--cache-dir", str(tmp_path)])
    capsys.readouterr()
    arguments = ["fetch", "regnetx-200mf,regnetx-400mf,efficientnet-x-b0", "--cache-dir", str(tmp_path), "--dry-run"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        "efficientnet_x/efficientnet-x-b0  none was published",
        f"{MODEL}  cached  {tmp_path}/checkpoints/{PLACE}",
        "regnet/RegNetX-400MF  to fetch  "
        "https://dl.fbaipublicfiles.com/pycls/dds_baselines/160905967/RegNetX-400MF_dds_8gpu.pyth",
    ]
    assert main([*arguments, "--mirror", "/mnt/weights"]) == 0
    assert "RegNetX-400MF_dds_8gpu.pyth of /mnt/weights" in capsys.readouterr().out
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch"], "give MODELS"),
        (["fetch", "regnetx-200m"], "unknown model 'regnetx-200m'; nearest: regnet/RegNetX-200MF"),
        (["fetch", "--sources", "--lock", "x"], "--sources cannot be combined with --lock"),
        (["fetch", "all", "--offline", "--sources"], "--sources cannot be combined with MODELS, --offline"),
    ],
)
def test_bad_requests(arguments, said, capsys):
    assert main(arguments) == 2
    assert f"error: {said}" in capsys.readouterr().err


def test_sources_are_fetched_by_their_own_function(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(
        "zoo.releases.commands.fetch_sources", lambda sources, cache_dir: asked.append((sources, cache_dir)) or 1
    )
    assert main(["fetch", "--sources", "gpunet", "fbnet", "--cache-dir", str(tmp_path)]) == 1
    assert main(["fetch", "--sources"]) == 1
    assert asked == [(["gpunet", "fbnet"], tmp_path), ([], None)]


@pytest.mark.parametrize("arguments", [["--help"], ["fetch", "--help"], ["verify", "--help"]])
def test_help(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "usage: python -m zoo" in capsys.readouterr().out


def test_two_processes_fetch_the_same_file_once(server, tmp_path):
    release = threading.Event()

    def late(handler, data):
        release.wait(60)
        replies.well(handler, data)

    server.files[f"/{PLACE}"] = DATA
    server.script(f"/{PLACE}", late)
    both = [start("fetch", MODEL, "--mirror", server.address, "--cache-dir", tmp_path) for _ in range(2)]
    waiting = threading.Event()

    def watch(process):
        for line in process.stderr:
            if "another process is working on RegNetX-200MF_dds_8gpu.pyth" in line:
                waiting.set()

    watchers = [threading.Thread(target=watch, args=(process,)) for process in both]
    for watcher in watchers:
        watcher.start()
    assert waiting.wait(60)
    release.set()
    assert [process.wait(60) for process in both] == [0, 0]
    for watcher in watchers:
        watcher.join()
    said = [process.stdout.read() for process in both]
    assert said[0] == said[1]
    assert len(server.requests) == 1
    assert (tmp_path / "checkpoints" / PLACE).read_bytes() == DATA
    assert files_under(tmp_path / "checkpoints") == [PLACE, "lock.toml"]


def test_a_waiting_process_resumes_where_the_first_was_killed(server, tmp_path):
    server.files[f"/{PLACE}"] = LARGE
    server.script(f"/{PLACE}", replies.stops(0.5), rest_of_one)
    arguments = ["fetch", MODEL, "--mirror", server.address, "--cache-dir", str(tmp_path)]
    first = start(*arguments)
    wait_for_part(first, tmp_path)
    second = start(*arguments)
    for line in second.stderr:
        if "another process is working on" in line:
            break
    first.kill()
    said, problems = second.communicate(timeout=60)
    first.communicate()
    assert second.returncode == 0, problems
    assert PLACE in said
    assert len(server.requests) == 2
    assert (tmp_path / "checkpoints" / PLACE).read_bytes() == LARGE


def wait_for_part(process, cache):
    """Waits until a good part of the file is there."""
    part = cache / "checkpoints" / f"{PLACE}.part"
    pause = threading.Event()
    while not part.exists() or part.stat().st_size < len(LARGE) // 4:
        assert process.poll() is None
        pause.wait(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_fetch_resumes(server, tmp_path, number):
    server.files[f"/{PLACE}"] = LARGE
    server.script(f"/{PLACE}", replies.stops(0.5))
    arguments = ["fetch", MODEL, "--mirror", server.address, "--cache-dir", str(tmp_path)]
    process = start(*arguments)
    wait_for_part(process, tmp_path)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert "Traceback" not in said
    # The entity tag of `stops`, so that the rest is of the same version.
    server.script(f"/{PLACE}", rest_of_one)
    assert main(arguments) == 0
    asked = server.asked(f"/{PLACE}")[-1]
    assert asked["If-Range"] == '"one"'
    assert 0 < int(asked["Range"].removeprefix("bytes=").rstrip("-")) < len(LARGE)
    assert (tmp_path / "checkpoints" / PLACE).read_bytes() == LARGE


def rest_of_one(handler, data):
    """The rest of the version that `stops` began."""
    start_byte = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
    headers = {"ETag": '"one"', "Content-Range": f"bytes {start_byte}-{len(data) - 1}/{len(data)}"}
    handler.answer(206, data[start_byte:], headers)


_SMALL_DISK = """
import resource, sys
from zoo.checkpoints.location import locate
from zoo.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.exit(main(sys.argv[1:]))
"""


def test_a_disk_that_fills_up(server, tmp_path):
    server.files[f"/{PLACE}"] = DATA
    command = [sys.executable, "-c", _SMALL_DISK, "fetch", MODEL, "--mirror", server.address, "--cache-dir", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT)
    assert done.returncode == 1
    assert f"{MODEL}: no space left to write {tmp_path}/checkpoints/{PLACE}.part" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "checkpoints" / PLACE).exists()


def test_the_hub_of_the_environment(server, tmp_path):
    """HF_ENDPOINT names another Hub, as for everything else that uses it."""
    data = save({"a": torch.ones(3)})
    repository = locate(zoo.card("efficientnet_b1")).identifier
    facts = {"X-Repo-Commit": "c" * 40, "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"'}
    for revision in ("main", "c" * 40):
        path = f"/{repository}/resolve/{revision}/model.safetensors"
        server.files[path] = data
        server.script(path, replies.with_headers(facts))
    process = start("fetch", "efficientnet/efficientnet_b1", "--cache-dir", tmp_path, HF_ENDPOINT=server.address)
    said, problems = process.communicate(timeout=120)
    assert process.returncode == 0, problems
    assert hashlib.sha256(data).hexdigest() in said
    # The Hub's library would ask for more, and say what is installed here (docs/privacy.md).
    assert {path for _, path, _ in server.requests} == set(server.files)
    assert "torch/" not in str(server.requests)
