"""How long to wait after failures."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `base_s` to `max_s`; each wait is between half and all of it, so that flows that failed together
    do not come back together."""

    def __init__(self, base_s: float, max_s: float) -> None:
        self._base_s = base_s
        self._max_s = max_s
        self.failures = 0

    def fail(self) -> float:
        """Count a failure; the seconds to wait now."""
        wait = min(self._max_s, self._base_s * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)

    def succeed(self) -> None:
        self.failures = 0
