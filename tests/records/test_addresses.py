"""Addresses: what the C library takes for one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.records.addresses import check_addresses
from penstock.records.refusal import Refused
from records.reference import Wrong, ip_value
from records.schemas import ips


def accepted(text: str) -> bool:
    try:
        check_addresses(pa.array([None, "1.2.3.4", text]))
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "255.255.255.255", "::", "::1", "1::", "FE80::a", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"]
)
def test_addresses(text: str) -> None:
    assert accepted(text)


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "256.1.1.1",
        "1.2.3.4\n",
        " 1.2.3.4",
        "1.2.3.4:80",
        "10.0.0.0/8",
        "::1%eth0",
        "1::2::3",
        "localhost",
    ],
)
def test_no_addresses(text: str) -> None:
    assert not accepted(text)


@given(
    st.text("0123456789abF:.", max_size=20)
    | st.lists(st.sampled_from([*"0129af", "12", "255", "ffff", "::", ":", ".", "1.2.3.4"])).map("".join)
    | ips
)
def test_as_the_c_library(text: str) -> None:
    try:
        ip_value(text)
    except Wrong:
        assert not accepted(text)
    else:
        assert accepted(text)
