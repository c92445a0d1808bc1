"""The one exception of this package; its text is meant to be shown as it is."""

from __future__ import annotations


class KindError(Exception):
    """Docker, kind or a cluster failed. The text says what to do."""
