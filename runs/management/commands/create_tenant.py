"""Make a tenant with its owner: the first step on a database of one's own. Running it again changes nothing."""

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email, validate_slug
from django.db import IntegrityError, transaction

from runs import agents, operations
from runs.engine import workflows
from tenants import errors, people
from tenants.models import User
from tenants.permissions import Actor

WORKFLOWS = agents.__all__
TAKEN = {"accounts", "api", "health", "static", "ws"}  # first parts of addresses that no tenant may have


class Command(BaseCommand):
    help = "Make a tenant and its owner. Asks for the owner's password when the person is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="first part of the tenant's addresses: lower-case letters, digits, hyphens")
        parser.add_argument("name", help="how pages call the tenant")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="e-mail address of the first member")
        parser.add_argument("--owner-name", default="", help="how pages call that person (default: the address)")
        parser.add_argument("--currency", default="EUR", help="three letters, as in EUR")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the new person's password from one line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug, email = options["slug"], options["owner"].strip().lower()
        _check(slug, email, options["currency"])
        owner = User.objects.filter(email=email).first()
        password = "" if owner else _password(email, from_stdin=options["password_stdin"])
        try:
            with transaction.atomic():
                owner = owner or User.objects.create_user(email, password, name=(options["owner_name"] or email)[:120])
                actor, made = _tenant(owner, slug, options["name"], options["currency"].upper())
        except IntegrityError:
            raise CommandError(f"The tenant {slug} exists and {email} is not in it. Choose another slug.") from None
        try:
            for workflow in workflows.known():
                operations.set_up_workflow(actor=actor, name=workflow, note="as it was when the tenant was made")
        except errors.HoldpointError as error:
            raise CommandError(error.message) from None
        if not made:
            self.stdout.write(f"{slug} was there already; nothing changed.")
            return
        told = "No policy is set yet: whatever does more than read waits for one reviewer, who is not its requester."
        self.stdout.write(f"{slug} is there; {email} is its {actor.role}. {told}")


def _check(slug: str, email: str, currency: str) -> None:
    try:
        validate_slug(slug)
        validate_email(email)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    if slug in TAKEN or slug != slug.lower() or "_" in slug or len(slug) > 40:
        raise CommandError(f"{slug} cannot be a tenant's address. Use up to 40 lower-case letters, digits, hyphens.")
    if not (len(currency) == 3 and currency.isalpha() and currency.isascii()):
        raise CommandError("A currency has three letters, as in EUR.")


def _password(email: str, *, from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    elif sys.stdin.isatty():
        password = getpass.getpass(f"Password for {email}: ")
        if getpass.getpass("The same again: ") != password:
            raise CommandError("The two passwords differ. Nothing was made; run it again.")
    else:
        raise CommandError("Nobody can be asked for a password here. Give it with --password-stdin.")
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return password


def _tenant(owner: User, slug: str, name: str, currency: str) -> tuple[Actor, bool]:
    """The owner in the tenant, and whether it is new. Raises `IntegrityError` when others have this slug."""
    if any(seat.slug == slug for seat in people.seats_of(owner)):
        return people.actor_in(owner, slug), False
    return people.add_tenant(slug=slug, name=name, currency=currency, owner=owner), True
