"""Processes that end with the one that started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2), PR_SET_PDEATHSIG


class Trouble(Exception):
    """What keeps the product from starting, in words, with what to do."""


def dying_with_parent(sign: int) -> Callable[[], None]:
    """For `preexec_fn`: the child gets `sign` when the thread that started it ends, even by kill -9.

    It runs after a change of user, which would clear the setting. Start children from the main thread.
    """
    parent = os.getpid()

    def arm() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, sign, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return arm


@dataclass(slots=True, kw_only=True)
class Child:
    """One process of the product: what starts it, and how often it had to be started."""

    name: str
    argv: list[str]
    env: dict[str, str]
    log: Path
    cwd: Path
    capture: bool = False  # read its standard output, for a ready line
    process: subprocess.Popen | None = None
    restarts: int = 0
    not_before: float = 0.0  # monotonic time of the next start, after it died
    started: float = field(default=0.0)

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.capture else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGKILL),
            )
        self.started = time.monotonic()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ready_line(self) -> list[str]:
        """The words after "ready" on its standard output."""
        process = self.process
        if process is None or process.stdout is None:
            raise Trouble(f"{self.name} was not started.")
        line = process.stdout.readline().decode().split()
        if not line or line[0] != "ready":
            raise Trouble(f"{self.name} did not start. Its log is {self.log}.")
        return line[1:]

    def tend(self) -> str | None:
        """Start it again when it died and its time has come; returns a sentence when something happened."""
        if self.alive():
            return None
        now = time.monotonic()
        if self.not_before == 0.0:
            if now - self.started > 60:
                self.restarts = 0
            delay = min(2.0**self.restarts, 30.0)
            self.restarts += 1
            self.not_before = now + delay
            code = self.process.returncode if self.process else None
            return f"{self.name} ended ({code}); starting it again in {delay:g} s. Its log is {self.log}."
        if now >= self.not_before:
            self.not_before = 0.0
            self.start()
            return f"{self.name} was started again."
        return None

    def stop(self, within_s: float = 6.0) -> None:
        """SIGTERM to its main process, then SIGKILL when it takes longer than `within_s`."""
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
