"""How many quotes a JSON text holds: the check for duplicate keys, which the JSON decoder lets through."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_QUOTE, _BACKSLASH = b'"\\'


def count_quotes(text: bytes | pa.Buffer) -> int:
    """The quotes around strings, keys included: two for each. `text` must be valid JSON, or such values with white
    space between them. Quotes inside strings have a backslash before them, and are not counted."""
    data = np.frombuffer(text, np.uint8)
    count = int(np.count_nonzero(data == _QUOTE))
    slashes = data == _BACKSLASH
    if not slashes.any():
        return count
    if (slashes[1:] & slashes[:-1]).any():  # an escaped backslash, which does not escape what follows it
        data = np.frombuffer(bytes(text).replace(rb"\\", b""), np.uint8)
        slashes = data == _BACKSLASH
    return count - int(np.count_nonzero(slashes[:-1] & (data[1:] == _QUOTE)))
