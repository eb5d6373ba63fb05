"""Pages for tests: a signed-in browser without a browser, and the words a person would read."""

import re
from html import unescape
from typing import Any

from django.test import Client

from tenants.permissions import Actor

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def browser(actor: Actor, **headers: str) -> Client:
    """A client that is signed in as the actor."""
    client = Client(headers=headers or None)
    client.force_login(actor.user, backend=BACKEND)
    return client


def at(actor: Actor, path: str) -> str:
    """The address of `path` in the actor's tenant."""
    return f"/{actor.tenant.slug}/{path}"


def words(response: Any) -> str:
    """What stands in the page's main part, without marks and with single spaces."""
    html = response.content.decode()
    main = html[html.find('id="main"') :] if 'id="main"' in html else html
    main = re.sub(r"<(svg|script|template)\b.*?</\1>", "", main, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))
    return re.sub(r" ([.,:;?])", r"\1", text).strip()
