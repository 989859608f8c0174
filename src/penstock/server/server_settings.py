"""Settings of the server itself. Imports no other room: the supervisor reads them and must stay light."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta


def parse_listen(listen: str) -> tuple[str, int]:
    """`host:port` or `[ipv6]:port` as (host, port); raises ValueError."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"listen {listen!r} must be host:port, such as 127.0.0.1:7758 or [::1]:7758")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"listen {listen!r}: write an IPv6 address in brackets, such as [::1]:7758")
    return host, int(port)


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The processes, the address and the log lines."""

    listen: str = "127.0.0.1:7758"
    """Address and port to listen on; port 0 takes a free one. Any other address than 127.0.0.1 opens it to others."""
    data_dir: str = "penstock-data"
    """Where everything is kept; a relative path starts at the working directory."""
    api_processes: Annotated[int, Meta(ge=1, le=64)] = 2
    """Processes that answer HTTP."""
    timezone: str = "Asia/Shanghai"
    """The deployment's time zone (IANA name): of key prefixes, day partitions and timetables that name none."""
    tls_cert: str = ""
    """Certificate chain (PEM). With `tls_key` the server speaks HTTPS only, TLS 1.2 and newer."""
    tls_key: str = ""
    """Private key of `tls_cert` (PEM, PKCS#8)."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log lines to write."""
    log_format: Literal["json", "console"] = "json"
    """Log lines on standard error as JSON, or as text for people."""
    backlog: Annotated[int, Meta(ge=128, le=65535)] = 1024
    """Connections that may wait to be accepted; each API process holds at most as many open ones."""
    header_timeout_s: Annotated[float, Meta(gt=0, le=600)] = 75.0
    """A connection that has not sent a whole request head by then, or sends no further request, is closed."""
    shutdown_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """How long requests and flows may take to end at shutdown before their processes are killed."""

    def __post_init__(self) -> None:
        parse_listen(self.listen)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key must be given together")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"timezone {self.timezone!r} is not an IANA time zone such as Asia/Shanghai") from None
