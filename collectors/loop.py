"""One event loop on a thread of its own for the libraries that are asynchronous; collectors are called in plain threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from functools import lru_cache
from typing import Any, Final, TypeVar

T = TypeVar("T")
GRACE_S: Final = 2.0  # for a coroutine to tidy up after its own time limit


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="collectors-loop", daemon=True).start()
    return loop


_one = threading.Lock()


def wait(work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """What ``work`` returns or raises; cancelled with TimeoutError when it has not ended after ``timeout_s``."""
    with _one:
        loop = _loop()
    future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout_s), loop)
    try:
        return future.result(timeout_s + GRACE_S)
    except FutureTimeout:
        future.cancel()
        raise TimeoutError(f"no end within {timeout_s:g} s") from None
