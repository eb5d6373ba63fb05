"""What fault tests install as HOLDPOINT_BOUNDARIES: a worker ends or stops itself at a named point.

HOLDPOINT_ARMED names a directory. A file `armed/<point>` holds "<number of a signal> <passes left>". Who reaches the
point takes the file by renaming it, so that one arming is one kill, whatever number of threads and workers passes.
With passes left it is put back; at the last one it becomes `met/<point>.<process id>` and the signal is sent.
"""

import os
import signal
import threading
from pathlib import Path

ARMED = Path(os.environ.get("HOLDPOINT_ARMED", "."))


def reached(point: str, subject: str) -> None:
    armed = ARMED / "armed" / point
    if not armed.exists():
        return
    taken = ARMED / "taken" / f"{point}.{os.getpid()}.{threading.get_ident()}"
    try:
        armed.rename(taken)
    except FileNotFoundError:  # another thread or process was faster
        return
    sign, left = map(int, taken.read_text().split())
    if left > 1:
        taken.write_text(f"{sign} {left - 1}")
        taken.rename(armed)
        return
    taken.write_text(subject)
    taken.rename(ARMED / "met" / f"{point}.{os.getpid()}")
    signal.pthread_kill(threading.get_ident(), sign)  # to this very thread: it must not run on while another one stops
