"""Recognises by its content whether a download is a checkpoint: servers send pages with status 200, and cut files."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from foundation.wording import first_line, quoted
from zoo.checkpoints import legacy
from zoo.file_kinds import ends_as_zip, opened_zip, unlike_checkpoint

_PAGE_BYTES = 1 << 16
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_XML_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
# The text of the page that Google Drive sends instead of the file: support.google.com/a/answer/2423534.
_QUOTA = re.compile(r"quota exceeded|too many users have viewed or downloaded", re.IGNORECASE)
_ZIP_BEGIN = b"PK"
_ZIP_MAGIC = b"PK\x03\x04"
_SAFETENSORS_HEADER_LIMIT_BYTES = 100_000_000
"""Largest header that the safetensors format allows."""


def unlike_torch_checkpoint(path: Path) -> str:
    """What a file is, in words, if it is not a whole checkpoint of PyTorch or safetensors; empty if it is one.

    Nothing in the file is unpickled or executed.

    Raises:
        OSError: the file cannot be read.
    """
    if found := unlike_checkpoint(path):
        return f"{found}{_what_it_says(path)}"
    with path.open("rb") as file:
        head = file.read(len(legacy.MAGIC))
    if head.startswith(_ZIP_MAGIC):
        return ""
    if head == legacy.MAGIC:
        try:
            return "a truncated checkpoint" if legacy.is_cut(path) else ""
        except legacy.LargePicklesError:
            return "a checkpoint whose pickles are larger than any release's"
    return _unlike_safetensors(path)


def unlike_archive(path: Path, member: str) -> str:
    """What a file is, in words, if it is not an archive with that member; empty if it may be one.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(len(_ZIP_MAGIC))
    if head.startswith(_ZIP_BEGIN) and ends_as_zip(path):
        try:
            with opened_zip(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            return f"a damaged ZIP archive ({first_line(error)})"
        held = ", ".join(quoted(name) for name in names[:3]) + (", ..." if len(names) > 3 else "")
        return "" if member in names else f"a ZIP archive of {held or 'nothing'}, without {member}"
    found = unlike_checkpoint(path)
    return f"{found}{_what_it_says(path)}" if found and "archive" not in found else ""


def is_quota_page(text: str) -> bool:
    """Whether a text is Google Drive's refusal of a file that was downloaded too often."""
    return bool(_QUOTA.search(text))


def _unlike_safetensors(path: Path) -> str:
    """What a binary file is if it is not a safetensors file: 8 bytes of the header's length, the header, the data."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        if header_bytes > _SAFETENSORS_HEADER_LIMIT_BYTES or file.read(1) != b"{":
            return "not a PyTorch or safetensors file"
        header = b"{" + file.read(header_bytes - 1)
    try:
        tensors = {name: facts for name, facts in json.loads(header).items() if name != "__metadata__"}
        data_bytes = max((facts["data_offsets"][1] for facts in tensors.values()), default=0)
        is_whole = size == 8 + header_bytes + data_bytes
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        is_whole = False
    return "" if is_whole else "a truncated or damaged safetensors file"


def _what_it_says(path: Path) -> str:
    """The message of a page or document that was sent instead of a file, to follow what it is; may be empty."""
    with path.open("rb") as file:
        text = file.read(_PAGE_BYTES).decode("utf-8", errors="replace")
    if is_quota_page(text):
        return (
            " of Google Drive that says that the file was downloaded too often: wait a day, or download it in a "
            "browser that is signed in and put it there"
        )
    return f" that says {said!r}" if (said := _message(text)) else ""


def _message(text: str) -> str:
    if found := _TITLE.search(text) or _XML_MESSAGE.search(text):
        return quoted(found[1])
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    for key in ("message", "error", "detail"):
        if isinstance(document, dict) and isinstance(said := document.get(key), str):
            return quoted(said)
    return quoted(text)
