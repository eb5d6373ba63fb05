"""Give a person the right to stop every tenant, or take it back."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import errors, people


class Command(BaseCommand):
    help = "Give somebody the right to stop every tenant, or take it back. It is written to the log, with the reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="whose right it is")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--grant", action="store_true")
        which.add_argument("--withdraw", action="store_true")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = people.let_operate(email=options["email"], on=options["grant"], reason=options["reason"])
        except errors.HoldpointError as error:
            raise CommandError(error.message) from None
        may = "may stop every tenant" if options["grant"] else "may not stop every tenant"
        self.stdout.write(f"{options['email']} {may}{' now' if changed else ', as before'}.")
