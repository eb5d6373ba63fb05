"""Pages of admins: members and keys, feature flags, and the history of both."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenants import audit, errors, features, people
from tenants.entry import member
from tenants.forms import FlagForm, KeyForm, MemberForm, PasswordForm, RoleForm, Why
from tenants.models import Feature, Role
from tenants.permissions import GRANTS, MANAGE, WORDS

SEES = {
    Role.OWNER: "everything, owners included",
    Role.ADMIN: "everything but owners",
    Role.REVIEWER: "decides requests, may stop agents",
    Role.SUPPORT: "repairs runs, may stop agents",
    Role.STARTER: "starts runs",
    Role.VIEWER: "looks",
}


@require_GET
@member
def members(request: Any) -> HttpResponse:
    return _members(request)


def _members(request: Any, *, form: MemberForm | None = None, who: Any = None, **more: Any) -> HttpResponse:
    text, after = request.GET.get("text", "").strip()[:100], request.GET.get("after", "")
    if who is None and request.GET.get("who"):
        who = people.member_of(request.actor, _uuid(request.GET["who"]))
    context = {
        "page": people.members(request.actor, text=text, after=after),
        "text": text,
        "form": form or MemberForm(),
        "who": who,
        "gives": [(role, Role(role).label, SEES[role]) for role in Role],
        "rights": [word for right, word in WORDS.items() if who and right in GRANTS.get(who.role, ())],
        "follow": f"{_to(request, 'members')}?{urlencode({'who': who.pk if who else '', 'text': text, 'after': after})}",
        "may_manage": request.actor.may(MANAGE),
        "here": "members",
        **more,
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "tenants/members.html", context, status=more.get("status", status))


@require_POST
@member
def invitations(request: Any) -> HttpResponse:
    """Add a member. For somebody new the page shows the link once."""
    request.actor.require(MANAGE)
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _members(request, form=form)
    given = form.cleaned_data
    try:
        row, secret = people.invite(actor=request.actor, **given)
    except errors.Conflict as error:
        form.add_error(None, error.message)
        return _members(request, form=form)
    if secret:
        link = request.build_absolute_uri(reverse("invitation", kwargs={"secret": secret}))
        return _members(request, who=row, link=link)
    messages.success(request, f"{row.user} is {row.get_role_display().lower()} here now.")
    return redirect(f"{_to(request, 'members')}?{urlencode({'who': row.pk})}")


@require_POST
@member
def roles(request: Any, member_id: uuid.UUID) -> HttpResponse:
    row, form = people.member_of(request.actor, member_id), RoleForm(request.POST)
    request.actor.require(MANAGE)
    if not form.is_valid():
        return _members(request, who=row, role_form=form, status=422)
    try:
        people.add_member(actor=request.actor, user=row.user, **form.cleaned_data)
    except errors.Conflict as error:
        return _told(request, error.message, row.pk)
    return _told(request, f"{row.user} is {Role(form.cleaned_data['role']).label.lower()} now.", row.pk, ok=True)


@require_POST
@member
def removals(request: Any, member_id: uuid.UUID) -> HttpResponse:
    row, form = people.member_of(request.actor, member_id), Why(request.POST)
    request.actor.require(MANAGE)
    if not form.is_valid():
        return _members(request, who=row, removal_form=form, status=422)
    try:
        people.revoke(actor=request.actor, user=row.user, reason=form.cleaned_data["reason"])
    except errors.Conflict as error:
        return _told(request, error.message, row.pk)
    return _told(request, f"{row.user} is no member any more. Their keys ended too.", None, ok=True)


@require_POST
@member
def keys(request: Any, member_id: uuid.UUID) -> HttpResponse:
    """Issue a key that acts for the member. The page shows it once."""
    request.actor.require(MANAGE)
    row, form = people.member_of(request.actor, member_id), KeyForm(request.POST)
    if not form.is_valid():
        return _members(request, who=row, key_form=form, status=422)
    key = people.issue_key(actor=request.actor, user=row.user, label=form.cleaned_data["label"], scopes=["runs"])
    return _members(request, who=row, key=key)


@require_POST
@member
def revocations(request: Any, key_id: uuid.UUID) -> HttpResponse:
    form = Why(request.POST)
    if not form.is_valid():
        return _told(request, WHY_MISSING, None)
    people.revoke_key(actor=request.actor, key_id=key_id, reason=form.cleaned_data["reason"])
    return _told(request, "The key ended. Requests with it are refused from now on.", None, ok=True)


WHY_MISSING = "Say why in a few words: it stands in the history beside your name."


@require_GET
@member
def flags(request: Any) -> HttpResponse:
    return _flags(request, request.GET.get("flag", ""))


def _flags(request: Any, name: str, form: FlagForm | None = None, status: int = 200) -> HttpResponse:
    states = features.states(request.actor)
    chosen = next((state for state in states if state.declared.name == name), None)
    entries, _ = audit.page(request.actor, kind="flag", target=chosen.declared.name) if chosen else ([], "")
    context = {
        "states": states,
        "chosen": chosen,
        "entries": entries[:20],
        "form": form or (_flag_form(request, chosen) if chosen else None),
        "may_manage": request.actor.may(MANAGE),
        "follow": f"{_to(request, 'flags')}?{urlencode({'flag': name})}",
        "here": "flags",
    }
    return render(request, "tenants/flags.html", context, status=status)


def _flag_form(request: Any, state: features.State, data: Any = None) -> FlagForm:
    choices = people.names(request.actor)
    row = state.row
    standing = Feature.Mode.ON if state.declared.default else Feature.Mode.OFF
    initial = {
        "mode": row.mode if row else standing,
        "percent": row.percent or None if row else None,
        "people": row.people if row else [],
        "version": state.version,
    }
    return FlagForm(data, members=choices, initial=initial)


@require_POST
@member
def changes(request: Any, name: str) -> HttpResponse:
    """Set a flag's rule; a change that somebody else made meanwhile is shown with 409 and the text kept."""
    request.actor.require(MANAGE)
    state = next((s for s in features.states(request.actor) if s.declared.name == name), None)
    if state is None:
        raise errors.NotFound(f"There is no flag called {name}.")
    form = _flag_form(request, state, request.POST)
    if not form.is_valid():
        return _flags(request, name, form, 422)
    given = form.cleaned_data | {"percent": form.cleaned_data["percent"] or 0}
    try:
        features.change(actor=request.actor, name=name, **given)
    except errors.Conflict as error:
        form.add_error(None, f"{error.message} Look, and save again if you still mean it.")
        form.data = {**request.POST.dict(), "people": request.POST.getlist("people"), "version": str(state.version)}
        return _flags(request, name, form, 409)
    except errors.Invalid as error:
        form.add_error(
            str(error.facts.get("field")) if error.facts.get("field") in form.fields else None, error.message
        )
        return _flags(request, name, form, 422)
    messages.success(request, "Saved. It counts everywhere from now on.")
    return redirect(f"{_to(request, 'flags')}?{urlencode({'flag': name})}")


@require_GET
@member
def reach(request: Any, name: str) -> HttpResponse:
    """What the rule in the form would mean for what is open now. A fragment; it changes nothing."""
    mode, percent = request.GET.get("mode", ""), request.GET.get("percent", "")
    if mode not in Feature.Mode.values:
        raise errors.Invalid("Choose on, off or a share.", field="mode")
    share = int(percent) if percent.isdecimal() and len(percent) < 3 else 0
    people, found = request.GET.getlist("people"), None
    if mode != Feature.Mode.SHARE or share:
        found = features.reach(request.actor, name, mode=mode, percent=share, people=people)
    named = 0 if mode == Feature.Mode.ON else len(people)
    return render(request, "tenants/_reach.html", {"reach": found, "named": named})


KINDS = {"member": "Members", "key": "Keys", "flag": "Flags", "stop": "Stops", "policy": "Policies"}


@require_GET
@member
def history(request: Any) -> HttpResponse:
    kind = request.GET.get("kind", "")
    kind = kind if kind in audit.KINDS else ""
    target = request.GET.get("target", "").strip()[:200]
    rows, older = audit.page(request.actor, kind=kind, target=target, before=request.GET.get("before", ""))
    kept = {"kind": kind, "target": target}
    context = {
        "rows": rows,
        "older": urlencode({**kept, "before": older}) if older else "",
        "kind": kind,
        "kinds": KINDS,
        "target": target,
        "here": "history",
    }
    return render(request, "tenants/history.html", context)


@require_http_methods(["GET", "POST"])
def invitation(request: Any, secret: str) -> HttpResponse:
    """A new person chooses their password. The link works once."""
    user = people.invited(secret)
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        people.accept(secret=secret, password=form.cleaned_data["password"])
        messages.success(request, "Your password is set. Sign in with it.")
        return redirect("account_login")
    status = 422 if form.errors else 200
    response = render(request, "tenants/invitation.html", {"form": form, "person": user}, status=status)
    # The address is the secret: it goes to nobody else. "no-referrer" would make the form's own origin "null".
    response["Referrer-Policy"] = "same-origin"
    response["Cache-Control"] = "no-store"
    return response


def _to(request: Any, name: str) -> str:
    return reverse(f"tenants:{name}", kwargs={"tenant": request.actor.tenant.slug})


def _told(request: Any, words: str, who: Any, *, ok: bool = False) -> HttpResponse:
    (messages.success if ok else messages.error)(request, words)
    return redirect(_to(request, "members") + (f"?{urlencode({'who': who})}" if who else ""))


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise errors.NotFound("There is nobody with this address here.") from None
