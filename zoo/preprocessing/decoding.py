"""The decoding step that every model's input begins with."""

from __future__ import annotations

import dataclasses
import functools
import io
import struct
import types
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foundation.wording import first_line
from zoo.errors import MissingPackageError
from zoo.preprocessing.errors import UnreadableImageError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
"""Formats that are recognised, by content and not by name. Not all of Pillow's: its EPS reader runs Ghostscript."""

_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
"""Exceptions that Pillow's readers raise on damaged files, besides its own for decompression bombs."""


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image.

    Raises:
        ValueError: the pixels are not uint8 (H, W, 3), or there are none.
    """

    pixels: NDArray[np.uint8]
    """(H, W, 3), RGB; must not be modified."""

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or not self.pixels.size:
            raise ValueError(f"pixels must be uint8 (H, W, 3), not {self.pixels.dtype} {shape}")

    @property
    def width_px(self) -> int:
        """Number of columns."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Number of rows."""
        return int(self.pixels.shape[0])

    @functools.cached_property
    def image(self) -> Image:
        """The same pixels as a Pillow image."""
        image: Image = pillow_image().fromarray(self.pixels)
        return image


def pillow_image() -> types.ModuleType:
    """The module `PIL.Image`.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise MissingPackageError(
            f"reading images needs Pillow, which does not import here ({error}); "
            "install it with: pip install 'baseline-zoo[images]'"
        ) from error
    return PIL.Image


def decode(data: bytes) -> Decoded:
    """Decodes an image file as torchvision's and timm's loaders do: `Image.open(file).convert("RGB")`.

    EXIF orientation and colour profiles are not applied, transparency is dropped, and of an animation only the
    first frame is used.

    Args:
        data: the whole file.

    Raises:
        UnreadableImageError: the data is not an image of `FORMATS`, is damaged or truncated, or exceeds Pillow's limit
                against decompression bombs.
        MissingPackageError: Pillow is not installed.
    """
    module = pillow_image()
    try:
        with module.open(io.BytesIO(data), formats=FORMATS) as opened:
            return Decoded(np.asarray(opened.convert("RGB")))
    except module.UnidentifiedImageError as error:
        raise UnreadableImageError(f"not an image in any known format ({', '.join(FORMATS)})") from error
    except module.DecompressionBombError as error:
        raise UnreadableImageError(f"too many pixels: {first_line(error)}") from error
    except _DECODER_ERRORS as error:
        raise UnreadableImageError(first_line(error)) from error
