from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connect.key_prefix import check_prefix, resolve_name
from penstock.model.errors import Kind, Problem

AT = datetime(2017, 1, 12, 15, 30, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
"""The seed's own example time (Beijing)."""


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        (
            "kodo-parquet/date=$(year)-$(mon)-$(day)/hour=$(hour)/min=$(min)/$(sec)",
            "kodo-parquet/date=2017-01-12/hour=15/min=30/00_7-1",
        ),
        ("", "2017-01-12-15-30-00_7-1"),
        ("key1/", "key1/2017-01-12-15-30-00_7-1"),
        ("logs", "logs-2017-01-12-15-30-00_7-1"),
        ("p/$(year)", "p/2017_7-1"),
        ("p/$(year)/", "p/2017/7-1"),
        ("日志/$(mon)", "日志/01_7-1"),
    ],
)
def test_resolves_variables_or_adds_the_stamp(prefix: str, name: str) -> None:
    assert resolve_name(check_prefix(prefix), AT, "7-1") == name


@pytest.mark.parametrize(
    "prefix",
    [
        "/a", "a//b", "../a", "a/../b", "a/..", "./a", "a/./b", ".hidden/a", "a/.b", "a\\b", "a\0b", "a\nb", "a\x7f",
        "$(week)", "$(YEAR)", "$()", "$( year)", "a$(year", "x" * 161, "/".join("x" * 100 for _ in range(6)), "\ud800",
        "日" * 54,
    ],
)  # fmt: skip
def test_refuses_what_is_no_safe_name(prefix: str) -> None:
    with pytest.raises(Problem) as caught:
        check_prefix(prefix)
    assert caught.value.kind is Kind.EXPORT_PREFIX


@given(st.text(max_size=40) | st.text("a./$()year\\", max_size=20))
def test_an_accepted_prefix_never_leaves_its_folder(prefix: str) -> None:
    try:
        check_prefix(prefix)
    except Problem:
        return
    parts = resolve_name(prefix, AT, "7-1").split("/")
    assert all(part and not part.startswith(".") and len(part.encode()) < 230 for part in parts)
