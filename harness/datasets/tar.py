"""Images in a tar archive, read in place: nothing is unpacked."""

from __future__ import annotations

import dataclasses
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from foundation.wording import cause
from harness.datasets.imagenet import is_wnid
from harness.datasets.store import is_image
from harness.errors import AccuracyError
from harness.text.lists import few

_HERE = PurePosixPath(".")
_READ_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class TarStore:
    """The image files of an uncompressed tar archive.

    Every read opens the archive again and seeks to the member. That costs no more than opening a file, whatever the
    archive's size, and leaves nothing open that threads and processes would have to share.
    """

    path: Path
    names: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    folders: tuple[str, ...]
    members: tuple[str, ...]
    """The names as in the archive."""
    offsets: tuple[int, ...]
    """Where each member's content begins, in bytes."""

    @property
    def encoded(self) -> bool:
        """Always: these are files."""
        return True

    def read(self, position: int) -> bytes:
        """The member's bytes.

        Raises:
            AccuracyError: the archive is gone or shorter than it was, or may not be read.
        """
        size_bytes = self.sizes_bytes[position]
        try:
            with self.path.open("rb") as file:
                file.seek(self.offsets[position])
                data = file.read(size_bytes)
        except OSError as error:
            raise AccuracyError(
                f"{self.path} can no longer be read ({cause(error)}); leave the archive alone while it is in use"
            ) from error
        if len(data) != size_bytes:
            raise AccuracyError(
                f"{self.path} ends within {self.members[position]}: it was changed while in use; start again"
            )
        return data

    def location(self, position: int) -> str:
        """The archive and the member."""
        return f"{self.path}: {self.members[position]}"


def open_tar(path: Path, members: Sequence[tarfile.TarInfo]) -> TarStore:
    """Lists the images of a tar archive. Names of members are only compared, never used as paths.

    Args:
        path: the archive.
        members: what it holds, from `members_of`.

    Raises:
        AccuracyError: the archive holds a name twice or an image that is a link, or has images at several depths.
    """
    images = [member for member in members if not member.isdir() and _visible(member) and is_image(member.name)]
    _check_images(path, images)
    paths = [PurePosixPath(member.name) for member in images]
    top = _top(path, paths)
    folders = [PurePosixPath(member.name) for member in members if member.isdir() and _visible(member)]
    classes = {parent.name for parent in (*folders, *(path.parent for path in paths)) if _is_class(parent, top)}
    return TarStore(
        path=path,
        names=tuple(name.name if top is None else f"{name.parent.name}/{name.name}" for name in paths),
        sizes_bytes=tuple(member.size for member in images),
        folders=tuple(classes),
        members=tuple(member.name for member in images),
        offsets=tuple(member.offset_data for member in images),
    )


def _is_class(folder: PurePosixPath, top: PurePosixPath | None) -> bool:
    return top is not None and folder != top and folder.parent == top


def members_of(path: Path) -> list[tarfile.TarInfo]:
    """All members of an archive, which must be complete.

    Raises:
        AccuracyError: the archive cannot be read, is not an uncompressed tar, or is truncated or damaged.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
            end = archive.offset
        with path.open("rb") as file:
            file.seek(end)
            marker = file.read(tarfile.BLOCKSIZE)
            more = any(part.strip(tarfile.NUL) for part in iter(lambda: file.read(_READ_BYTES), b""))
    except tarfile.ReadError as error:
        raise AccuracyError(
            f"{path} is not a tar archive, or is truncated ({error}); compare its size with the publisher's, and fetch "
            "it again, or give a folder of images"
        ) from error
    except OSError as error:
        raise AccuracyError(f"{path} cannot be read ({cause(error)}); make it readable") from error
    # tarfile sees no members beyond a damaged header, and does not report it.
    if marker != tarfile.NUL * tarfile.BLOCKSIZE:
        raise AccuracyError(
            f"{path} is truncated or damaged: after {len(members):,} members, at byte {end:,}, there is neither "
            "another member nor the archive's end; fetch it again"
        )
    if more:
        raise AccuracyError(
            f"{path} continues after its end at byte {end:,}, after {len(members):,} members: it is a download with "
            "gaps (fetch it again), or several archives that were joined (pack them as one)"
        )
    return members


def _visible(member: tarfile.TarInfo) -> bool:
    return not any(part.startswith(".") and part != ".." for part in PurePosixPath(member.name).parts)


def _check_images(path: Path, images: Sequence[tarfile.TarInfo]) -> None:
    odd = [member.name for member in images if not member.isreg() or member.issparse()]
    if odd:
        raise AccuracyError(
            f"{path} holds images that are links or sparse files ({few(odd)}), which cannot be read in place; unpack "
            "the archive and give the folder"
        )
    counts = Counter(str(PurePosixPath(member.name)) for member in images)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise AccuracyError(f"{path} holds images twice ({few(twice)}); pack it again without the old ones")


def _top(path: Path, images: Sequence[PurePosixPath]) -> PurePosixPath | None:
    """The folder in the archive that holds the class folders; None if the images are flat.

    Images that are all in one folder are flat, unless it is named like a class of ImageNet.
    """
    parents = {image.parent for image in images}
    if not parents or (len(parents) == 1 and not is_wnid(next(iter(parents)).name)):
        return None
    tops = {parent.parent for parent in parents}
    if _HERE in parents or len(tops) > 1:
        raise AccuracyError(
            f"{path} holds images in several places ({few(map(str, parents))}) that are not class folders side by "
            "side; pack one data set in one layout"
        )
    return tops.pop()
