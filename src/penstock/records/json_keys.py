"""How many object keys a JSON text holds: the check for duplicate keys, which the JSON decoder lets through."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.records.words import Bytes

_QUOTE, _COLON = b'":'
_NAME = np.zeros(256, np.bool_)
_NAME[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] = True
_SPACE = np.zeros(256, np.bool_)
_SPACE[list(b" \t\r\n")] = True


def count_named_keys(text: Bytes) -> int:
    """The object keys, at any depth, whose last character is a letter, digit or underscore, as that of every key of a
    schema is. `text` must be valid JSON, or such values with white space between them.

    A quote right after such a character closes a string: one that opens a string follows a bracket, comma, colon or
    space, and one inside a string follows a backslash. The string is a key when a colon comes next."""
    if len(text) < 3:
        return 0
    quotes = np.flatnonzero(text == _QUOTE)
    closing = quotes[1:][_NAME[text[quotes[1:] - 1]]]
    following = np.append(text, 0)[closing + 1]
    count = int(np.count_nonzero(following == _COLON))
    spaced = closing[_SPACE[following]]
    return count + _count_colons_after_space(text, spaced + 1) if len(spaced) else count


def _count_colons_after_space(text: Bytes, places: npt.NDArray[np.intp]) -> int:
    solid = np.flatnonzero(~_SPACE[text])
    at = np.searchsorted(solid, places)
    return int(np.count_nonzero(text[solid[at[at < len(solid)]]] == _COLON))
