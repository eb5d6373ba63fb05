"""Let a person stop every tenant at once, or take that right back. Running it again changes nothing.

Where it is recorded: in the history of every tenant of which the person is a member, and as a log line.
"""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import errors, operators, people


class Command(BaseCommand):
    help = "Give a person the right to stop every tenant, or take it back. It is recorded with the reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the person's e-mail address")
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--grant", action="store_true", dest="grant")
        way.add_argument("--withdraw", action="store_false", dest="grant")
        parser.add_argument("--reason", required=True, help="why, in a few words; it stands in the history")
        parser.add_argument("--by", default="", metavar="EMAIL", help="who does this, if they sign in here too")

    def handle(self, *args: Any, **options: Any) -> None:
        given = {"operates": options["grant"], "reason": options["reason"], "account": getpass.getuser()}
        try:
            user = people.named(options["email"])
            actor = people.named(options["by"]) if options["by"] else None
            changed = operators.set_operator(user=user, actor=actor, **given)
        except errors.HoldpointError as error:
            raise CommandError(error.message) from None
        is_now = f"{user.email} is {operators.WORDS[options['grant']]}"
        self.stdout.write(f"{is_now} now." if changed else f"{is_now} already; nothing changed.")
