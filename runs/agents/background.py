"""An event loop in a thread of its own, for libraries that are asynchronous inside.

Their connections belong to the loop that opened them, so all threads of a process share one loop, and with it one pool
of connections. It starts with the first call in a process, so a forked child gets its own.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """`name` is what a list of threads shows."""

    def __init__(self, name: str) -> None:
        self._name, self._lock, self._process = name, threading.Lock(), 0
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns or raises. Blocks this thread; many threads may call at once."""
        return asyncio.run_coroutine_threadsafe(work, self._started()).result()

    def close(self) -> None:
        """Ends the loop, and with it what is still running on it. The next call starts another one."""
        with self._lock:
            if self._process == os.getpid():
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(5)
            self._process = 0

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._process != os.getpid():
                ready = threading.Event()
                self._thread = threading.Thread(target=self._serve, args=(ready,), name=self._name, daemon=True)
                self._thread.start()
                ready.wait()
                self._process = os.getpid()
                atexit.register(self.close)
            return self._loop

    def _serve(self, ready: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._loop.call_soon(ready.set)
            self._loop.run_forever()
