"""Stop the agents of every tenant, or lift that stop."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import errors, flags, people


class Command(BaseCommand):
    help = "Stop the agents of every tenant: from then on nothing is sent. What has left cannot be called back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--by", required=True, metavar="EMAIL", help="an operator of the platform")
        parser.add_argument("--reason", required=True, help="seen by everybody while the stop is on")
        parser.add_argument("--lift", action="store_true", help="lift the stop instead")

    def handle(self, *args: Any, **options: Any) -> None:
        change = flags.lift_everywhere if options["lift"] else flags.stop_everywhere
        try:
            change(by=people.named(options["by"]), reason=options["reason"])
        except errors.HoldpointError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            "Lifted. Each action goes on after its own check." if options["lift"] else "Everything is stopped."
        )
