"""Errors of preprocessing; each message says what to do about it."""

from __future__ import annotations

from zoo.errors import ZooError


class PreprocessingError(ZooError):
    """Facts of a card that do not describe a preprocessing."""


class UnreadableImageError(ZooError):
    """An image that cannot be decoded, or to which a release's rule does not apply; the message is the reason."""
