"""At most so many questions a second, whoever asks them."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Gives each caller its turn, ``1 / rate_per_s`` seconds after the one before."""

    def __init__(self, rate_per_s: float) -> None:
        self._distance_s = 1.0 / rate_per_s
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for a turn; callers are served in the order in which they came."""
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + self._distance_s
        if mine > now:
            await asyncio.sleep(mine - now)
