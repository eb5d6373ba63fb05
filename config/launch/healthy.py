"""`python -m config.launch.healthy web|worker|beat`: whether that process does its work here, for health checks.

It starts no Django, so that asking often costs little.
"""

import socket
import sys
import urllib.request

from config.launch import servers
from config.launch.children import Trouble

WEB = "http://127.0.0.1:8000/health/live"


def web() -> None:
    """The web process answers. Whether the database does is /health/ready."""
    with urllib.request.urlopen(WEB, timeout=3):
        return


def worker() -> None:
    """A worker on this host has said within its lease that it lives."""
    with servers.connect("DATABASE_URL") as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM runs_worker WHERE host = %s AND alive_until > clock_timestamp())",
            [socket.gethostname()],
        ).fetchone()
    if not (row and row[0]):
        raise Trouble("No worker of this host lives.")


def beat() -> None:
    """The broker answers from here; the process itself ends its container when it dies."""
    servers.check_broker()


def main() -> int:
    try:
        {"web": web, "worker": worker, "beat": beat}[sys.argv[1]]()
    except (Trouble, OSError) as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
