"""`python -m tests.crash`, which is what bin/crash-test runs. Exits with 1 when anything did not hold."""

import argparse
import json
import os
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django
from django.utils.module_loading import import_string

from tests.crash.stage import staged


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/crash-test", description="Kill workers while refunds are paid, and count."
    )
    parser.add_argument("--refunds", type=int, default=60, help="runs to start (default 60)")
    parser.add_argument("--kills", type=int, default=20, help="kills at the four points of an action (default 20)")
    parser.add_argument("--leads", type=int, default=0, help="write to so many leads instead of paying refunds")
    parser.add_argument("--seed", type=int, default=None, help="for orders and the order of kills; printed")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    if not (1 <= options.refunds <= 5000 and 0 <= options.kills <= max(options.refunds, options.leads * 3)):
        parser.error("--refunds takes 1 to 5000, and --kills no more than that")
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    with (
        tempfile.TemporaryDirectory(prefix="holdpoint-crash-") as place,
        staged(Path(place) / "stage", lease_s=2) as stage,
    ):
        os.environ.update(stage.env | {"HOLDPOINT_BOUNDARIES": "", "DJANGO_SETTINGS_MODULE": "config.settings"})
        django.setup()
        # Both import models, so only now.
        if options.leads:
            run = import_string("tests.crash.outreach.run")
            report = run(stage, leads=options.leads, kills=options.kills, seed=seed)
        else:
            run = import_string("tests.crash.paced.run")
            report = run(stage, refunds=options.refunds, kills=options.kills, seed=seed)
    words = _outreach if options.leads else _words
    told = json.dumps(asdict(report)) if options.json else words(report)
    sys.stdout.write(f"{told}\n")
    return 1 if report.violations else 0


def _words(report: Any) -> str:
    lines = [f"seed {report.seed}: {report.runs} runs, {sum(report.kills.values())} kills in {report.seconds} s"]
    lines += [f"  {count:3} x kill -9 at {point}" for point, count in report.kills.items()]
    for title, tallies in (("before anything was settled", report.before), ("after", report.after)):
        lines.append(title)
        for kind, t in tallies.items():
            known = f"{t.done} done + {t.not_done} not done"
            unknown = f"{t.unknown} unknown ({t.unknown_with_effect} of them happened)"
            lines.append(f"  {kind:8} {t.claimed} claimed = {known} + {unknown}; {t.doubles} doubled")
    lines.append(f"settled: {report.found_by_probe} found outside, {report.settled_by_hand} by hand as not done")
    lines.append("\n".join(["VIOLATED", *report.violations]) if report.violations else "Nothing was violated.")
    return "\n".join(lines)


def _outreach(report: Any) -> str:
    lines = [f"seed {report.seed}: {report.runs} runs, {sum(report.kills.values())} kills in {report.seconds} s"]
    lines += [f"  {count:3} x kill -9 at {point}" for point, count in report.kills.items()]
    lines.append("ended: " + ", ".join(f"{count} {outcome}" for outcome, count in report.ended.items()))
    lines.append(
        f"{report.mails} mails arrived; {report.unknown} unknown outcomes were settled, {report.retried} retries"
    )
    lines.append("\n".join(["VIOLATED", *report.violations]) if report.violations else "Nothing was violated.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
