"""Secrets stay where they belong: never in a reply, a log line, a metric, or in clear on the disk."""

from __future__ import annotations

import stat

import requests

from e2e.clients import Key
from e2e.security.conftest import Fort, done

EXPORT_SECRET = "export-secret-b41d77c0e9"
CHANGED_SECRET = "export-secret-9f22ab3107"


def test_secrets_are_in_no_reply_log_metric_or_file(fort: Fort) -> None:
    shown: list[bytes] = []
    key = fort.server.add_key("ak_leaky", "leaky-secret-5e0d13aa84", role="editor")
    client = fort.raw()
    client.key = key
    name = fort.repo()
    exports = f"/v2/repos/{name}/exports"
    spec = {"bucket": "secrets", "fields": {"f1": "#f1"}, "exportSecretKey": EXPORT_SECRET, "exportAccessKey": "other"}
    for method, target, body in (
        ("POST", f"{exports}/sink", {"type": "kodo", "spec": spec}),
        ("POST", f"{exports}/sink", {"type": "kodo", "spec": spec}),
        ("POST", f"{exports}/bad", {"type": "kodo", "spec": {**spec, "format": "nonsense"}}),
        ("POST", f"{exports}/bad", {"type": "nonsense", "spec": {**spec, "bucket": ".."}}),
        ("POST", f"{exports}/bad", {"type": "kodo", "spec": {**spec, "exportSecretKey": [EXPORT_SECRET]}}),
        ("PUT", f"{exports}/sink", {"spec": {**spec, "exportSecretKey": CHANGED_SECRET}}),
        ("GET", exports, None),
        ("GET", f"{exports}/sink", None),
        ("GET", f"{exports}/sink/status", None),
        ("POST", f"/v2/repos/{name}/data", b"f1=a"),
        ("POST", f"/v2/repos/{name}/data", b"nofield=a"),
        ("GET", f"/v2/repos/{name}", None),
    ):
        reply = client.call(method, target, body)
        assert reply.status < 500, (method, target, reply.body)
        shown.append(reply.body + str(reply.headers).encode())
    shown.append(client.call("GET", "/v2/repos", key=Key(key.access, "not-the-secret")).body)
    shown.append(requests.get(f"http://{fort.server.host}:{fort.server.port}/metrics", timeout=10).content)
    done(fort.owner.call("DELETE", f"{exports}/sink"))
    done(fort.owner.call("DELETE", f"/v2/repos/{name}"))
    fort.server.revoke_key("ak_leaky")

    said = b"\n".join(shown) + fort.server.log_text().encode()
    kept = b"\n".join(f.read_bytes() for f in sorted(fort.server.data_dir.rglob("*")) if f.is_file())
    assert len(kept) > 10_000
    for secret in (key.secret, fort.stranger.key.secret, fort.viewer.key.secret):
        assert secret.encode() not in kept, f"{secret} lies in clear in the data directory"
    for secret in (key.secret, fort.stranger.key.secret, fort.viewer.key.secret, EXPORT_SECRET, CHANGED_SECRET):
        assert secret.encode() not in said, f"{secret} was said"
    assert b"Pandora ak_" not in said, "an Authorization header was said"


def test_a_mask_sent_back_keeps_the_secret(fort: Fort) -> None:
    name = fort.repo()
    target = f"/v2/repos/{name}/exports/sink"
    spec = {"bucket": "secrets", "fields": {"f1": "#f1"}, "exportSecretKey": EXPORT_SECRET}
    done(fort.owner.call("POST", target, {"type": "kodo", "spec": spec}))
    shown = done(fort.owner.call("GET", target)).json()["spec"]
    assert shown["exportSecretKey"] and EXPORT_SECRET not in shown["exportSecretKey"]
    done(fort.owner.call("PUT", target, {"spec": shown}))
    assert done(fort.owner.call("GET", target)).json()["spec"] == shown
    done(fort.owner.call("DELETE", target))


def test_key_files_and_the_data_directory_are_for_their_owner_alone(fort: Fort) -> None:
    data = fort.server.data
    for path in (data.root, data.secret_key):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
