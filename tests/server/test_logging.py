"""Log lines are JSON, whoever writes them, and show no secret."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import structlog

from penstock.server.logging import mask_secrets
from penstock.server.secrets import MASK, masked

SCRIPT = """
import logging, sys, structlog
from penstock.server.logging import configure
configure(sys.argv[1], sys.argv[2], "api-3")
with structlog.contextvars.bound_contextvars(reqid="r1", owner="o1"):
    structlog.get_logger().info("posted", records=3, secret_key="hush", spec={"password": "hush", "bucket": "b"})
logging.getLogger("some.library").warning("odd %s", "thing")
logging.getLogger("some.library").debug("noise")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().error("failed", exc_info=True)
"""


def lines_of(level: str, style: str) -> str:
    done = subprocess.run([sys.executable, "-c", SCRIPT, level, style], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_every_line_is_json_with_time_level_event_process_and_what_was_bound() -> None:
    posted, odd, failed = map(json.loads, lines_of("info", "json").splitlines())
    assert posted["time"].endswith("Z")
    want = {"event": "posted", "level": "info", "process": "api-3", "reqid": "r1", "owner": "o1", "records": 3}
    assert want.items() <= posted.items()
    assert {"event": "odd thing", "level": "warning", "process": "api-3"}.items() <= odd.items()
    assert "ZeroDivisionError" in failed["exception"]


def test_secrets_are_masked_at_any_depth() -> None:
    text = lines_of("info", "json")
    assert "hush" not in text
    assert json.loads(text.splitlines()[0])["spec"] == {"password": MASK, "bucket": "b"}


def test_the_level_holds_for_libraries_too() -> None:
    assert "noise" in lines_of("debug", "json")
    assert lines_of("error", "json").count("\n") == 1


def test_text_for_people_has_the_same_content() -> None:
    text = lines_of("info", "console")
    assert "posted" in text and "odd thing" in text and "hush" not in text


@pytest.mark.parametrize("name", ["secret_key", "secretKey", "password", "Authorization", "accessToken", "db_password"])
def test_names_that_look_like_secrets(name: str) -> None:
    assert masked(name, "x") == MASK
    assert masked("outer", [{name: "x"}]) == [{name: MASK}]


@pytest.mark.parametrize("name", ["access_key", "bucket", "keyPrefix", "owner"])
def test_names_that_do_not(name: str) -> None:
    assert masked(name, "x") == "x"


def test_the_processor_keeps_everything_else() -> None:
    event = {"event": "e", "n": 1, "list": [1, "a"], "secret": "s"}
    assert mask_secrets(structlog.get_logger(), "info", dict(event)) == event | {"secret": MASK}
