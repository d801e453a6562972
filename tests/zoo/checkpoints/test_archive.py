"""Archives, honest and malicious: what is extracted, and that nothing else is written anywhere."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from zoo.checkpoints.archive import CHECKPOINT_LIMITS, ArchiveLimits, extract_member, refuse_unsafe_zip
from zoo.errors import WeightsError

MEMBER = "folder/top1.pt"
CONTENT = bytes(range(256)) * 4


def zip_of(path, entries, compression=zipfile.ZIP_STORED):
    """Writes a ZIP archive of (name or ZipInfo, content) pairs."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def tar_of(path, entries, mode="w"):
    """Writes a tar archive of (TarInfo, content) pairs."""
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def tar_entry(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def folder(tmp_path):
    """The folder for members; the archives are elsewhere."""
    path = tmp_path / "into" / "here"
    path.mkdir(parents=True)
    return path


def refused(archive, folder, match, limits=None):
    """The archive is refused with that message, and nothing was written, in the folder or beside it."""
    before = sorted(folder.parents[1].rglob("*"))
    with pytest.raises(WeightsError, match=match) as raised:
        extract_member(archive, MEMBER, folder, limits)
    assert sorted(folder.parents[1].rglob("*")) == before
    assert str(archive) in str(raised.value)


@pytest.mark.parametrize("kind", ["zip", "deflated", "tar", "tgz"])
def test_the_member_alone_is_extracted(kind, tmp_path, folder):
    path = tmp_path / "archive"
    entries = [("folder/", b""), ("folder/readme.txt", b"hello"), (MEMBER, CONTENT)]
    if kind in ("zip", "deflated"):
        zip_of(path, entries, zipfile.ZIP_DEFLATED if kind == "deflated" else zipfile.ZIP_STORED)
    else:
        listed = [
            (tar_entry(n.rstrip("/"), tarfile.DIRTYPE if n.endswith("/") else tarfile.REGTYPE), c) for n, c in entries
        ]
        tar_of(path, listed, "w:gz" if kind == "tgz" else "w")
    assert extract_member(path, MEMBER, folder) == folder / "top1.pt"
    assert [entry.name for entry in folder.iterdir()] == ["top1.pt"]
    assert (folder / "top1.pt").read_bytes() == CONTENT


def test_an_existing_member_is_replaced(tmp_path, folder):
    (folder / "top1.pt").write_bytes(b"old")
    extract_member(zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT)]), MEMBER, folder)
    assert (folder / "top1.pt").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name", ["../evil", "folder/../../evil", "/evil", "C:\\evil", "C:/evil", "..\\..\\evil", "\\\\host\\share\\evil"]
)
def test_paths_that_lead_out_refuse_the_whole_archive(name, tmp_path, folder):
    zipped = zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT), (zipfile.ZipInfo(name), b"evil")])
    refused(zipped, folder, "leads out of the folder")
    tarred = tar_of(tmp_path / "a.tar", [(tar_entry(MEMBER), CONTENT), (tar_entry(name), b"evil")])
    refused(tarred, folder, "leads out of the folder")


def test_a_member_by_a_path_that_leads_out_is_refused(tmp_path, folder):
    archive = zip_of(tmp_path / "a.zip", [("../top1.pt", CONTENT)])
    with pytest.raises(WeightsError, match="leads out"):
        extract_member(archive, "../top1.pt", folder)
    assert not list(folder.parent.rglob("*.pt"))


def test_links_and_devices_refuse_the_whole_archive(tmp_path, folder):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT), (link, b"/etc/passwd")]), folder, "which is a link")
    device = zipfile.ZipInfo("device")
    device.external_attr = (stat.S_IFCHR | 0o666) << 16
    refused(zip_of(tmp_path / "b.zip", [(MEMBER, CONTENT), (device, b"")]), folder, "neither file nor folder")
    for number, (kind, words) in enumerate(
        {
            tarfile.SYMTYPE: "which is a link",
            tarfile.LNKTYPE: "which is a link",
            tarfile.CHRTYPE: "neither file nor folder",
            tarfile.FIFOTYPE: "neither file nor folder",
        }.items()
    ):
        entries = [(tar_entry(MEMBER), CONTENT), (tar_entry("other", kind, "/etc/passwd"), b"")]
        refused(tar_of(tmp_path / f"{number}.tar", entries), folder, words)


def test_a_member_that_is_itself_a_link_is_refused(tmp_path, folder):
    archive = tar_of(tmp_path / "a.tar", [(tar_entry(MEMBER, tarfile.SYMTYPE, "/etc/passwd"), b"")])
    refused(archive, folder, "which is a link")


def test_an_encrypted_archive_is_reported(tmp_path, folder):
    path = zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT)])
    data = bytearray(path.read_bytes())
    # The flags of the local header and of the central directory.
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refused(path, folder, "which is encrypted")


@pytest.mark.parametrize(("method", "number"), [(zipfile.ZIP_BZIP2, 12), (zipfile.ZIP_LZMA, 14)])
def test_a_method_that_unpacks_all_at_once_refuses_the_whole_archive(method, number, tmp_path, folder):
    archive = zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT)], method)
    refused(archive, folder, f"packed by method {number}")


@pytest.mark.parametrize("value", [0x00, 0x80, 0xFF])
def test_an_archive_of_which_any_byte_was_changed_is_refused_or_gives_the_member(value, tmp_path, folder):
    archive = zip_of(tmp_path / "a.zip", [("é.txt", b"hello"), (MEMBER, CONTENT)], zipfile.ZIP_DEFLATED)
    data = archive.read_bytes()
    for position in range(data.index(b"PK\x01\x02"), len(data)):
        archive.write_bytes(data[:position] + bytes([value]) + data[position + 1 :])
        try:
            extract_member(archive, MEMBER, folder)
        except WeightsError:
            continue
        assert (folder / "top1.pt").read_bytes() == CONTENT


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, folder):
    zeros = bytes(200 << 20)
    bomb = zip_of(tmp_path / "bomb.zip", [("folder/readme.txt", b""), (MEMBER, zeros)], zipfile.ZIP_DEFLATED)
    refused(bomb, folder, "claim to unpack to 209715200 or more.*a decompression bomb")
    tarred = tar_of(tmp_path / "bomb.tgz", [(tar_entry(MEMBER), zeros)], "w:gz")
    refused(tarred, folder, "a decompression bomb")


def test_a_header_of_a_tar_archive_cannot_eat_the_memory(tmp_path, folder):
    """tarfile reads a long name into memory, whatever its length; gzipped, its file is small."""
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 64 << 20
    path = tmp_path / "a.tgz"
    with gzip.open(path, "wb") as file:
        file.write(name.tobuf(tarfile.GNU_FORMAT) + bytes(64 << 20))
    refused(path, folder, "header of 67108864 bytes")


def test_entries_that_lie_about_their_size_are_damaged(tmp_path, folder):
    path = zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT)], zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (16).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, folder, "damaged archive")


@pytest.mark.parametrize(
    ("limits", "match"),
    [
        (ArchiveLimits(entries=2), "more than 2 entries"),
        (ArchiveLimits(member_bytes=1000), "a decompression bomb"),
        (ArchiveLimits(total_bytes=1025), "a decompression bomb"),
    ],
)
def test_every_limit_holds(limits, match, tmp_path, folder):
    entries = [("one", b"1"), ("two", b"2"), (MEMBER, CONTENT)]
    refused(zip_of(tmp_path / "a.zip", entries), folder, match, limits)
    refused(tar_of(tmp_path / "a.tar", [(tar_entry(n), c) for n, c in entries]), folder, match, limits)


def test_an_archive_of_another_model_reports_what_it_holds(tmp_path, folder):
    archive = zip_of(tmp_path / "a.zip", [(f"{letter}.pth", b"") for letter in "abcdefg"])
    refused(archive, folder, r"does not hold folder/top1.pt, but a.pth, b.pth, .*and 2 more")
    refused(zip_of(tmp_path / "b.zip", []), folder, "empty|nothing")


def test_two_members_of_one_name_are_refused(tmp_path, folder):
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT), (MEMBER, b"other")])
    refused(archive, folder, "holds 2 files named")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html><title>Sign in</title>", "an HTML page"),
        (b'{"error": "not found"}', "a JSON document"),
        (b"PK\x03\x04 and then the connection ended", "a truncated ZIP file"),
        (b"\x00\x01\x02\x03", "not a ZIP or tar archive"),
    ],
)
def test_what_is_not_an_archive_is_reported(content, match, tmp_path, folder):
    path = tmp_path / "download"
    path.write_bytes(content)
    refused(path, folder, match)


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_a_cut_archive_gives_nothing(kind, tmp_path, folder):
    path = tmp_path / "archive"
    noise = bytes((i * i) % 251 for i in range(100_000))
    if kind == "zip":
        zip_of(path, [(MEMBER, noise)])
    else:
        tar_of(path, [(tar_entry(MEMBER), noise)], "w:gz" if kind == "tgz" else "w")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, folder, "truncated|damaged|EOF")


def test_a_disk_without_space_is_reported(tmp_path, folder, monkeypatch):
    archive = zip_of(tmp_path / "a.zip", [(MEMBER, CONTENT)])

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo.checkpoints.archive.Path.replace", full)
    refused(archive, folder, "cannot be unpacked into .*No space left")


def test_a_tar_archive_that_ends_with_a_zip_is_read_as_tar(tmp_path, folder):
    inner = zip_of(tmp_path / "inner.zip", [("data.pkl", b"pickle")]).read_bytes()
    archive = tar_of(tmp_path / "a.tar", [(tar_entry(MEMBER), inner)])
    assert extract_member(archive, MEMBER, folder).read_bytes() == inner


def test_a_checkpoint_that_is_a_zip_is_checked_against_the_limits_too(tmp_path):
    plain = tmp_path / "plain.pth"
    plain.write_bytes(b"anything else passes")
    refuse_unsafe_zip(plain, CHECKPOINT_LIMITS)
    refuse_unsafe_zip(zip_of(tmp_path / "a.pth", [("archive/data.pkl", b"")] * 1), CHECKPOINT_LIMITS)
    bomb = zip_of(tmp_path / "bomb.pth", [("archive/data.pkl", bytes(200 << 20))], zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="a decompression bomb"):
        refuse_unsafe_zip(bomb, CHECKPOINT_LIMITS)
