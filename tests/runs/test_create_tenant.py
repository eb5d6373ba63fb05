"""create_tenant: the first step on a database of one's own."""

import io
import uuid

import pytest
from django.core.management import CommandError, call_command

from runs import operations
from tenants import people
from tenants.models import User

PASSWORD = "three long words"


@pytest.fixture
def tag(database) -> str:
    return uuid.uuid4().hex[:10]


@pytest.fixture
def create(tag, monkeypatch):
    def run(slug: str = f"t-{tag}", email: str = f"ann-{tag}@example.net", password: str = PASSWORD, **more) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        out = io.StringIO()
        call_command("create_tenant", slug, "Acme", owner=email, stdout=out, **{"password_stdin": True, **more})
        return out.getvalue()

    return run


def test_the_owner_can_sign_in_manage_and_start_work(create, tag):
    assert "is its owner" in create()
    owner = User.objects.get(email=f"ann-{tag}@example.net")
    assert owner.check_password(PASSWORD)
    actor = people.actor_in(owner, f"t-{tag}")
    given = {"order": "NW-48213", "email": "a@example.net", "story": "Both tents tore at the seam at once."}
    assert operations.start(actor=actor, workflow="refund_desk", given=given).tenant_id == actor.tenant.pk


def test_running_it_again_changes_nothing(create, tag):
    create()
    assert "nothing changed" in create(password="another password")
    assert User.objects.get(email=f"ann-{tag}@example.net").check_password(PASSWORD)


def test_a_slug_of_others_is_refused_and_nobody_is_made(create, tag):
    create()
    with pytest.raises(CommandError, match="Choose another slug"):
        create(email=f"bob-{tag}@example.net")
    assert not User.objects.filter(email=f"bob-{tag}@example.net").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"slug": "Has Spaces"}, "valid"),
        ({"slug": "api"}, "cannot be a tenant's address"),
        ({"slug": "UPPER"}, "lower-case"),
        ({"email": "nobody"}, "valid email"),
        ({"password": "short"}, "too short"),
        ({"currency": "EURO"}, "three letters"),
        ({"password_stdin": False}, "--password-stdin"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(create, given, told):
    with pytest.raises(CommandError, match=told):
        create(**given)
