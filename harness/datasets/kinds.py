"""What a file is that is not a data set, by its first bytes, and what to do."""

from __future__ import annotations

_KINDS = (
    ((b"version https://git-lfs",), "a Git LFS pointer instead of the file; fetch the file (git lfs pull)"),
    ((b"<!doctype html", b"<html"), "a page of a web site instead of the file; download the file itself"),
    ((b"\xff\xd8\xff", b"\x89png", b"gif8"), "one image; give the folder of the class folders"),
    ((b"arrow1", b"\xff\xff\xff\xff"), "an Arrow file; write Parquet from it (Dataset.to_parquet)"),
    ((b"\x89hdf",), "an HDF5 file; write its images into class folders"),
    ((b"\x93numpy",), "an array of numpy; write its images into class folders"),
    ((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a pickle, which could execute anything; write its images "
     "into class folders"),
    ((b"\x00\x00\x08\x01", b"\x00\x00\x08\x03"), "a file of MNIST's format; write its images into class folders"),
    ((b"sqlite format 3",), "a database; write its images into class folders"),
)  # fmt: skip
"""Beginnings in lower case, and what they tell."""

_TEXT = "text; give the folder of the images, and a file of their labels by --ground-truth"

LONGEST_START = 512
"""How many bytes of a file decide."""

_TAR_MAGIC = (257, b"ustar")
"""Position and content of what tells a tar archive, which begins with the name of its first member: any text."""

_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"(\xb5/\xfd": "unzstd", b"PK": "unzip"}
"""First bytes of a compressed file, and the program that decompresses it."""


def other_kind(start: bytes) -> str:
    """What a file is and what to give instead; empty if its first bytes are none of the known ones."""
    position, magic = _TAR_MAGIC
    if start[position:].startswith(magic):
        return ""
    known = start.lstrip().lower() if start.lstrip().startswith(b"<") else start.lower()
    return next((told for beginnings, told in _KINDS if known.startswith(beginnings)), "")


def text_kind(start: bytes) -> str:
    """What to give instead of a text; empty if the first bytes are none."""
    position, magic = _TAR_MAGIC
    # The last character may be cut off.
    text = start.decode("utf-8-sig", errors="ignore")
    is_text = bool(text) and all(character.isprintable() or character.isspace() for character in text)
    return _TEXT if is_text and not start[position:].startswith(magic) else ""


def decompressor(start: bytes) -> str:
    """The program that decompresses a file; empty if it is not compressed."""
    return next((program for magic, program in _COMPRESSED.items() if start.startswith(magic)), "")
