"""`python -m config.launch [--port N] [--data DIR] [--json]`, which is what bin/up runs."""

import argparse
import os
import sys
from pathlib import Path

from config.launch import supervisor
from config.launch.children import Trouble


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/up", description="Start Holdpoint on this machine.")
    parser.add_argument("--port", type=int, default=8000, help="port of the web pages on 127.0.0.1 (default 8000)")
    parser.add_argument("--data", default="", help="directory of the data (default HOLDPOINT_DATA, else .data)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON when ready, nothing else")
    how = "with the demo's tenants and outside world, or without (default: only with the embedded database)"
    parser.add_argument("--demo", action=argparse.BooleanOptionalAction, default=None, help=how)
    options = parser.parse_args()
    if not 0 <= options.port <= 65535:
        parser.error("--port takes a number from 0 to 65535; 0 picks a free one")
    root = Path(__file__).resolve().parents[2]
    called_from = Path(os.environ.get("HOLDPOINT_CALLED_FROM", "."))
    named = options.data or os.environ.get("HOLDPOINT_DATA", "")
    data = called_from / named if named else root / ".data"
    try:
        given = {"port": options.port, "as_json": options.json, "demo": options.demo}
        return supervisor.Supervisor(root=root, data=data.absolute(), **given).run()
    except Trouble as trouble:
        print(f"Holdpoint did not start: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
