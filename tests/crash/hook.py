"""What fault tests install as HOLDPOINT_BOUNDARIES: a worker ends or stops itself at a named point.

HOLDPOINT_ARMED names a directory. A file `armed/<point>` that holds the number of a signal is taken by the first
process that reaches the point: it renames the file to `met/<point>.<its pid>`, writes the subject into it, and sends
itself the signal. The rename makes sure that one arming is one kill, whatever number of workers passes.
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
    met = ARMED / "met" / f"{point}.{os.getpid()}"
    try:
        armed.rename(met)
    except FileNotFoundError:  # another thread or process was faster
        return
    sign = int(met.read_text())
    met.write_text(subject)
    signal.pthread_kill(threading.get_ident(), sign)  # to this very thread: it must not run on while another one stops
