"""What the faces count (Prometheus)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

requests = Counter("penstock_http_requests", "Requests answered", ["face", "route", "status"])
request_seconds = Histogram(
    "penstock_http_request_seconds",
    "Time from the request's head to its answer",
    ["face"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
records_accepted = Counter("penstock_records_accepted", "Records stored", ["owner", "repo"])
bytes_accepted = Counter("penstock_bytes_accepted", "Uncompressed body bytes stored", ["owner", "repo"])
records_refused = Counter("penstock_records_refused", "Records that made a body be refused", ["owner", "repo"])
inflight_bytes = Gauge("penstock_inflight_bytes", "Body bytes held now", multiprocess_mode="livesum")
