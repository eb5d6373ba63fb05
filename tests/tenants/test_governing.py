"""Members, flags and their history: who may change them, what a change means, and that nothing is lost."""

import re
import threading

import psycopg
import pytest
from django.db import connections

from tenants import audit, errors, features, flags, people, scoping
from tenants.models import ApiKey, AuditEntry, Membership, Role, Stop, User
from tenants.permissions import Actor
from tests.pages import at, browser, words

NAME = "test_flag"
UNITS = [features.Unit(key=f"unit-{number}", called=f"Unit {number}") for number in range(40)]
features.declare(NAME, title="A flag of tests", what="It switches nothing.", default=False, units=lambda: UNITS)
WHY = "because of a test"


def on_for(cast, **user) -> set[str]:
    with scoping.tenant(cast.alice.tenant.pk):
        return {unit.key for unit in UNITS if features.is_on(NAME, unit=unit.key, **user)}


def change(cast, mode: str, version: int, who: str = "alice", **more):
    return features.change(actor=getattr(cast, who), name=NAME, mode=mode, version=version, reason=WHY, **more)


def test_a_flag_nobody_set_has_its_default_and_a_change_counts_at_once(cast):
    assert on_for(cast) == set()
    change(cast, "on", 0)
    assert len(on_for(cast)) == 40


def test_growing_a_share_keeps_who_was_in(cast):
    change(cast, "share", 0, percent=10)
    few = on_for(cast)
    change(cast, "share", 1, percent=50)
    assert few < on_for(cast)
    assert 8 < len(on_for(cast)) < 32


def test_named_people_have_it_whatever_the_mode(cast):
    change(cast, "off", 0, people=[cast.bob.user.pk])
    assert len(on_for(cast, user=cast.bob.user.pk)) == 40
    assert on_for(cast, user=cast.carol.user.pk) == set()


def test_the_other_tenant_is_not_touched(cast):
    change(cast, "on", 0)
    with scoping.tenant(cast.charlie.tenant.pk):
        assert not features.is_on(NAME, unit="unit-1")


def test_of_two_admins_the_second_is_told_what_it_is_now(cast):
    change(cast, "on", 0)
    with pytest.raises(errors.Conflict, match="on now"):
        change(cast, "off", 0)


def test_setting_what_is_set_writes_no_second_line_of_history(cast):
    change(cast, "on", 0)
    change(cast, "on", 1)
    assert len(audit.page(cast.alice, kind="flag")[0]) == 1


@pytest.mark.parametrize("who", ["bob", "dave", "jon"])
def test_only_admins_change_flags(cast, who):
    with pytest.raises(errors.Forbidden):
        change(cast, "on", 0, who)
    page = browser(getattr(cast, who)).get(at(cast.alice, f"flags/?flag={NAME}"))
    assert "Save the rule" not in words(page)
    answer = browser(getattr(cast, who)).post(at(cast.alice, f"flags/{NAME}/changes/"), {"mode": "on"})
    assert answer.status_code == 403


def test_the_page_says_what_a_rule_would_mean_before_it_is_saved(cast):
    found = words(browser(cast.alice).get(at(cast.alice, f"flags/{NAME}/reach/?mode=share&percent=25")))
    assert re.search(r"On for \d+, off for \d+ of what is open now", found)
    assert on_for(cast) == set()


def test_a_change_on_the_page_needs_a_reason_and_keeps_the_text(cast):
    client, path = browser(cast.alice), at(cast.alice, f"flags/{NAME}/changes/")
    answer = client.post(path, {"mode": "share", "percent": "", "version": 0, "reason": "x"})
    assert answer.status_code == 422
    assert "Write a share from 1 to 99 percent." in words(answer)
    assert client.post(path, {"mode": "on", "version": 0, "reason": WHY}).status_code == 302
    stale = client.post(path, {"mode": "off", "version": 0, "reason": "written in vain?"})
    assert stale.status_code == 409
    assert "written in vain?" in stale.content.decode()


def test_an_undeclared_flag_is_an_error_and_not_off(cast):
    with scoping.tenant(cast.alice.tenant.pk), pytest.raises(errors.NotFound):
        features.is_on("nobody_declared_this", unit="x")


def test_somebody_new_gets_a_link_that_works_once(cast):
    client = browser(cast.alice)
    given = {"email": f"New-{cast.alice.tenant.slug}@example.net", "name": "Nell New", "role": "reviewer"}
    page = client.post(at(cast.alice, "members/invitations/"), given).content.decode()
    path = re.search(r"/invitations/[\w-]+/", page)[0]
    assert browser(cast.bob).post(path, {"password": "short"}).status_code == 422
    assert browser(cast.bob).post(path, {"password": "a-long-password"}).status_code == 302
    assert browser(cast.bob).post(path, {"password": "a-long-password"}).status_code == 404
    assert User.objects.get(email=given["email"].lower()).check_password("a-long-password")


def test_the_last_owner_stays(cast):
    with pytest.raises(errors.Conflict, match="last owner"):
        people.revoke(actor=cast.alice, user=cast.alice.user, reason=WHY)
    with pytest.raises(errors.Conflict, match="last owner"):
        people.add_member(actor=cast.alice, user=cast.alice.user, role=Role.ADMIN, reason=WHY)


def test_two_owners_who_remove_each_other_at_once_leave_one(cast):
    people.add_member(actor=cast.alice, user=cast.bob.user, role=Role.OWNER, reason=WHY)
    bob = Actor(user=cast.bob.user, tenant=cast.alice.tenant, role=Role.OWNER)
    told: list[str] = []

    def remove(actor: Actor, user: User) -> None:
        try:
            people.revoke(actor=actor, user=user, reason=WHY)
            told.append("removed")
        except errors.Conflict:
            told.append("refused")
        finally:
            connections.close_all()

    pair = [threading.Thread(target=remove, args=a) for a in ((cast.alice, bob.user), (bob, cast.alice.user))]
    for one in pair:
        one.start()
    for one in pair:
        one.join(20)
    assert sorted(told) == ["refused", "removed"]


def test_an_admin_neither_makes_nor_touches_owners(cast):
    people.add_member(actor=cast.alice, user=cast.carol.user, role=Role.ADMIN, reason=WHY)
    admin = Actor(user=cast.carol.user, tenant=cast.alice.tenant, role=Role.ADMIN)
    for user, role in ((cast.bob.user, Role.OWNER), (cast.alice.user, Role.VIEWER)):
        with pytest.raises(errors.Forbidden):
            people.add_member(actor=admin, user=user, role=role, reason=WHY)
    with pytest.raises(errors.Forbidden):
        people.revoke(actor=admin, user=cast.alice.user, reason=WHY)


def test_whoever_leaves_takes_their_keys_along(cast):
    key = people.issue_key(actor=cast.alice, user=cast.jon.user, label="import", scopes=["runs"])
    assert people.actor_of_key(key, "runs").user == cast.jon.user
    people.revoke(actor=cast.alice, user=cast.jon.user, reason=WHY)
    with pytest.raises(errors.Unauthenticated):
        people.actor_of_key(key, "runs")


def test_a_key_is_shown_once_and_ended_with_a_reason(cast):
    client, row = browser(cast.alice), _row(cast, cast.jon)
    page = client.post(at(cast.alice, f"members/{row.pk}/keys/"), {"label": "import"}).content.decode()
    assert "hp_" in page
    assert "hp_" not in client.get(at(cast.alice, "members/")).content.decode()
    with scoping.tenant(cast.alice.tenant.pk):
        key = ApiKey.objects.get(user=cast.jon.user)
    client.post(at(cast.alice, f"keys/{key.pk}/revocations/"), {"reason": WHY})
    assert "No program has a key" in words(client.get(at(cast.alice, "members/")))


def test_roles_are_changed_on_the_page_with_a_reason(cast):
    client, row = browser(cast.alice), _row(cast, cast.jon)
    path = at(cast.alice, f"members/{row.pk}/roles/")
    assert client.post(path, {"role": "viewer", "reason": ""}).status_code == 422
    assert client.post(path, {"role": "viewer", "reason": WHY}).status_code == 302
    assert _row(cast, cast.jon).role == "viewer"


@pytest.mark.parametrize("who", ["bob", "dave", "jon"])
def test_members_are_seen_by_all_and_changed_by_admins(cast, who):
    client = browser(getattr(cast, who))
    page = client.get(at(cast.alice, "members/"))
    assert "Carol" in words(page)
    assert "Add a member" not in words(page)
    row = _row(cast, cast.carol)
    for noun in (f"members/{row.pk}/roles/", f"members/{row.pk}/removals/", "members/invitations/"):
        assert client.post(at(cast.alice, noun), {"reason": WHY, "role": "owner", "email": "x@y.zz"}).status_code == 403


def test_a_stranger_finds_no_page_of_admins(cast):
    for path in ("members/", "flags/", "history/", f"flags/{NAME}/reach/?mode=on"):
        assert browser(cast.charlie).get(at(cast.alice, path)).status_code == 404
    row = _row(cast, cast.carol)
    answer = browser(cast.charlie).post(at(cast.charlie, f"members/{row.pk}/removals/"), {"reason": WHY})
    assert answer.status_code == 404


def test_history_tells_every_change_and_cannot_be_altered(cast, owner_url):
    change(cast, "on", 0)
    stop = flags.stop(actor=cast.dave, scope=Stop.Scope.TENANT, reason=WHY)
    flags.lift(actor=cast.alice, stop=stop, reason="it is mended", held=2)
    seen = words(browser(cast.bob).get(at(cast.bob, "history/")))
    for told in ("test_flag", "stopped, 2 held back → open", "it is mended", "no member → reviewer"):
        assert told in seen
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE tenants_auditentry SET reason = 'x'")


def test_history_is_paged_by_key_and_filtered(cast, monkeypatch):
    monkeypatch.setattr(audit, "PAGE", 3)
    for version, mode in enumerate(("on", "off", "on", "off")):
        change(cast, mode, version)
    first, older = audit.page(cast.alice, kind="flag")
    rest, end = audit.page(cast.alice, kind="flag", before=older)
    assert (len(first), len(rest), end) == (3, 1, "")
    assert {entry.kind for entry in first} == {"flag"}


@pytest.mark.parametrize("path", ["members/", "flags/", "history/"])
def test_the_number_of_queries_does_not_grow(cast, path, django_assert_max_num_queries):
    client = browser(cast.alice)
    client.get(at(cast.alice, path))
    for number in range(12):
        user = User.objects.create_user(f"{number}-{cast.alice.tenant.slug}@example.net", name=f"N {number}")
        people.add_member(actor=cast.alice, user=user, role=Role.VIEWER, reason=WHY)
    with django_assert_max_num_queries(24):
        assert client.get(at(cast.alice, path)).status_code == 200


def test_an_entry_without_its_change_is_not_possible(cast):
    with pytest.raises(errors.Conflict):
        people.revoke(actor=cast.alice, user=cast.charlie.user, reason=WHY)
    with scoping.tenant(cast.alice.tenant.pk):
        assert not AuditEntry.objects.filter(target=cast.charlie.user.email).exists()


def _row(cast, actor: Actor) -> Membership:
    with scoping.tenant(cast.alice.tenant.pk):
        return Membership.objects.get(user=actor.user)
