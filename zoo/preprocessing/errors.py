"""Errors of preprocessing; each message says what to do about it."""

from __future__ import annotations

from zoo.errors import ZooError


class PreprocessingError(ZooError):
    """Facts of a card that describe no preprocessing."""


class UnreadableImageError(ZooError):
    """An image that cannot be decoded, or that a release's rule makes nothing of; the message is the reason."""
