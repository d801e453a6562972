"""The folder of the pieces of a job."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.errors import HostsError, StorageError
from harness.hosts.job import Job, Parts, number_of_pieces, parts_of, remove_folder, was_merged
from harness.hosts.packing import pack

JOB = Job("accuracy", ("--images", "/val"), "--output", {"images": "abc"})


@pytest.mark.parametrize(
    ("hosts", "images", "pieces"), [(2, 50_000, 8), (1, 50_000, 4), (2, 100, 3), (3, 31, 1), (10, 50_000, 40)]
)
def test_number_of_pieces(hosts: int, images: int, pieces: int) -> None:
    assert number_of_pieces(hosts, images, 32) == pieces


def test_a_job_is_its_command_its_words_and_what_they_name() -> None:
    others = [
        dataclasses.replace(JOB, command="convert"),
        dataclasses.replace(JOB, words=("--images", "/other")),
        dataclasses.replace(JOB, contents={"images": "abd"}),
    ]
    assert len({JOB.digest, *(other.digest for other in others)}) == 4
    assert dataclasses.replace(JOB).digest == JOB.digest


def test_a_piece_is_stored_once_and_what_is_missing_is_known(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "run.json").write_text("{}")
    packed = pack(tmp_path / "left")
    with Parts(tmp_path / "out.parts", JOB, 3) as parts:
        assert parts.store(2, packed)
        assert not parts.store(2, packed)
        assert parts.missing() == [1, 3]
    (tmp_path / "out.parts" / ".unpacking-1-of-3-ab").mkdir()
    # Another number of hosts does not change the number of pieces of a job that was begun.
    with Parts(tmp_path / "out.parts", JOB, 8) as parts:
        assert (parts.count, parts.missing()) == (3, [1, 3])
    assert sorted(path.name for path in (tmp_path / "out.parts").iterdir()) == [".lock", "2-of-3", "job.json"]


def test_a_damaged_piece_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    packed = dataclasses.replace(pack(tmp_path / "left"), sha256="0" * 64)
    with Parts(tmp_path / "out.parts", JOB, 3) as parts:
        with pytest.raises(HostsError, match="another digest"):
            parts.store(2, packed)
        assert parts.missing() == [1, 2, 3]


def test_the_pieces_of_another_command_are_refused_with_what_to_do(tmp_path: Path) -> None:
    Parts(tmp_path / "out.parts", JOB, 3).__exit__()
    other = dataclasses.replace(JOB, words=("--images", "/other"))
    with pytest.raises(HostsError, match=r"\(accuracy --images /val\): repeat that command, give another --output"):
        Parts(tmp_path / "out.parts", other, 3)
    # The refusal holds no lock.
    Parts(tmp_path / "out.parts", JOB, 3).__exit__()


def test_two_commands_do_not_collect_into_one_folder(tmp_path: Path) -> None:
    with Parts(tmp_path / "out.parts", JOB, 3), pytest.raises(HostsError, match="another command collects"):
        Parts(tmp_path / "out.parts", JOB, 3)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "out.parts").mkdir()
    (tmp_path / "out.parts" / "job.json").write_text("{")
    with pytest.raises(StorageError, match=r"job\.json is damaged"):
        Parts(tmp_path / "out.parts", JOB, 3)


def test_a_command_killed_after_merging_is_recognised(tmp_path: Path) -> None:
    output = tmp_path / "out"
    Parts(parts_of(output), JOB, 3).__exit__()
    assert not was_merged(JOB, output)
    output.mkdir()
    (output / "results.csv").touch()
    assert was_merged(JOB, output)
    assert not was_merged(dataclasses.replace(JOB, words=()), output)
    remove_folder(parts_of(output))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
