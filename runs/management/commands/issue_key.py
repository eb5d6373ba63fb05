"""Issue an API key for a program that acts for a member. It is printed once; only its hash is kept."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import errors, people
from tenants.models import User


class Command(BaseCommand):
    help = "Issue an API key that starts runs for a member; it is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug of the tenant")
        parser.add_argument("--email", required=True, help="whom the program acts for: the requester of its runs")
        parser.add_argument("--label", default="issued on the command line")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].lower()).first()
        if user is None:
            raise CommandError(f"Nobody signs in as {options['email']}.")
        try:
            actor = people.actor_in(user, options["tenant"])
            key = people.issue_key_for(member=actor, label=options["label"], scopes=["runs"])
        except errors.HoldpointError as error:
            raise CommandError(error.message) from None
        self.stdout.write(key)
