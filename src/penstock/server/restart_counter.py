"""How often processes were restarted (counted by the supervisor)."""

from __future__ import annotations

from prometheus_client import Counter

restarts = Counter("penstock_process_restarts", "Processes that died and were started again", ["process"])
