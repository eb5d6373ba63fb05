"""The cast: people and tenants that every test gets anew, so that tests commit for real and never meet."""

import os
import shutil
import uuid
from dataclasses import dataclass

import pytest

from approvals import demo, policies
from runs import operations
from tenants import people
from tenants.models import Role, User
from tenants.permissions import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """alice owns the tenant, bob and carol review, dave supports, jon starts runs; charlie owns another tenant."""

    alice: Actor
    bob: Actor
    carol: Actor
    dave: Actor
    jon: Actor
    charlie: Actor


def make_cast() -> Cast:
    tag = uuid.uuid4().hex[:10]

    def person(name: str) -> User:
        return User.objects.create_user(f"{name.lower()}-{tag}@example.net", name=name)

    alice = people.add_tenant(slug=f"a-{tag}", name="Acme", currency="GBP", owner=person("Alice"))
    charlie = people.add_tenant(slug=f"c-{tag}", name="Cargo", currency="EUR", owner=person("Charlie"))

    def member(name: str, role: str) -> Actor:
        user = person(name)
        people.add_member(actor=alice, user=user, role=role)
        return Actor(user=user, tenant=alice.tenant, role=role)

    cast = Cast(
        alice=alice,
        bob=member("Bob", Role.REVIEWER),
        carol=member("Carol", Role.REVIEWER),
        dave=member("Dave", Role.SUPPORT),
        jon=member("Jon", Role.STARTER),
        charlie=charlie,
    )
    for owner in (alice, charlie):
        operations.set_up_workflow(actor=owner, name="refund_desk", note="first")
    policies.publish(actor=alice, rules=demo.RULES, note="as in the demo")
    return cast


@pytest.fixture
def cast(database: None) -> Cast:
    return make_cast()


def need(tool: str) -> None:
    """Skip when `tool` is not on this machine; in continuous integration that is a failure."""
    wanted(tool, shutil.which(tool) is not None)


def wanted(tool: str, there: bool) -> None:
    """The same for a program that is not found by its name alone."""
    if not there:
        reason = f"{tool} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
