"""Bring timers nearer, as if time had passed: for demos and rehearsals."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs import rehearsal
from tenants import errors, people
from tenants.models import User


class Command(BaseCommand):
    help = (
        "Bring every open timer of a tenant nearer, as if time had passed. Requests keep their time. Not in production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=float, default=0)
        parser.add_argument("--hours", type=float, default=0)
        parser.add_argument("--tenant", default="northwind", help="slug of the tenant")
        parser.add_argument("--email", default="ilse@northwind.example", help="the admin on whose behalf it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].lower()).first()
        if user is None:
            raise CommandError(f"Nobody signs in as {options['email']}.")
        by = timedelta(days=options["days"], hours=options["hours"])
        try:
            actor = people.actor_in(user, options["tenant"])
            moved = rehearsal.bring_forward(actor=actor, by=by, reason="advance_clock")
        except errors.HoldpointError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{moved} timers brought forward by {by}.")
