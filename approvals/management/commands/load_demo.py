"""Load the demo's tenants, people, policy and tickets. Running it again changes nothing."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from approvals import demo


class Command(BaseCommand):
    help = "Load the demo (idempotent) and print who can sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = demo.load()
        if options["json"]:
            self.stdout.write(json.dumps({"accounts": [asdict(account) for account in accounts]}))
            return
        for account in accounts:
            self.stdout.write(f"{account.role:9} {account.email:28} {account.password}  ({account.tenant})")
