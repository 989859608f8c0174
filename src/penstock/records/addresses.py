"""IP addresses as text (字段类型 ip)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from penstock.records.refusal import Refused

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUP = "[0-9a-fA-F]{1,4}"
_LAST = f"(?:{_GROUP}:{_GROUP}|{_V4})"  # the last two groups, which may be written as an IPv4 address


def _before(groups: int) -> str:
    """Up to that many groups in front of `::`."""
    return f"(?:(?:{_GROUP}:){{0,{groups - 1}}}{_GROUP})?" if groups else ""


_V6 = "|".join(  # RFC 3986, IPv6address
    [
        f"(?:{_GROUP}:){{6}}{_LAST}",
        *(f"{_before(5 - after)}::(?:{_GROUP}:){{{after}}}{_LAST}" for after in range(5, -1, -1)),
        f"{_before(6)}::{_GROUP}",
        f"{_before(7)}::",
    ]
)
_IS_V4 = rf"\A(?:{_V4})\z"
_IS_V6 = rf"\A(?:{_V6})\z"


def check_addresses(texts: pa.StringArray) -> pa.StringArray:
    """The same array; raises Refused when a value that is not null is neither an IPv4 nor an IPv6 address, without
    zone, mask or port."""
    others = texts.filter(pc.invert(pc.match_substring_regex(texts, _IS_V4)))
    if len(others) and not pc.all(pc.match_substring_regex(others, _IS_V6)).as_py():
        raise Refused
    return texts
