"""RFC 8785 JSON (JCS): one byte sequence for one value, so that hashes and signatures agree on both sides."""

from __future__ import annotations

from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """Canonical bytes of plain JSON. Raises ValueError for what JSON cannot carry exactly (NaN, integers > 2^53)."""
    try:
        return bytes(rfc8785.dumps(value))
    except rfc8785.CanonicalizationError as e:
        raise ValueError(f"not canonical JSON: {e}") from e
