"""The demo: two tenants, their people, a policy, and a few tickets and leads that wait for somebody."""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals import policies
from runs import operations
from tenants import features, people
from tenants.models import Feature, Membership, Role, User
from tenants.permissions import Actor

PASSWORD = "holdpoint-demo"  # noqa: S105  of people who exist only in the demo

RULES = {
    "rules": [
        {
            "name": "small-refunds",
            "match": {"tool": "refund_payment", "amount_at_most": 2500, "undo": False},
            "then": "allow",
            "why": "Refunds up to 25.00 need nobody.",
        },
        {
            "name": "large-refunds",
            "match": {"tool": "refund_payment", "amount_over": 50000},
            "then": "hold",
            "quorum": 2,
            "why": "Refunds over 500.00 need two people.",
            "expires_after_s": 14400,
        },
        {
            "name": "refunds",
            "match": {"tool": "refund_payment"},
            "then": "hold",
            "why": "Refunds over 25.00 need one reviewer.",
            "expires_after_s": 14400,
        },
        {
            "name": "confirmations",
            "match": {"tool": "send_email"},
            "then": "allow",
            "why": "A confirmation goes only to the customer on the order.",
        },
        {
            "name": "sales-mails",
            "match": {"tool": "send_outreach"},
            "then": "hold",
            "why": "A sales e-mail leaves the company, so one reviewer reads it first.",
            "expires_after_s": 86400,
        },
        {
            "name": "take-back",
            "match": {"tool": "reverse_refund"},
            "then": "hold",
            "why": "Taking money back from a customer needs one reviewer.",
            "expires_after_s": 14400,
        },
    ]
}

TICKETS = [
    (
        "NW-48213",
        "priya.raman@example.net",
        "Both tents tore at the seam on the first night. I would like my money back, please.",
        None,
    ),
    (
        "NW-48190",
        "marek.dvorak@example.net",
        "The zip of the sleeping bag broke on the second night. Can you refund part of it?",
        8650,
    ),
    (
        "NW-48177",
        "aoife.byrne@example.net",
        "One boot came with a torn lace. The price of a pair of laces back would do.",
        1200,
    ),
]

LEADS = [
    (
        "Ada Osei",
        "Head of operations",
        "ada.osei@brightloom.example",
        "Brightloom Textiles",
        "Asked at the fair in May.",
    ),
    ("Niamh Doyle", "Fleet manager", "niamh.doyle@kestrelfreight.example", "Kestrel Freight", ""),
]
FLAG_HISTORY = [
    (Feature.Mode.OFF, "First we see how people answer the first mail"),
    (Feature.Mode.ON, "Sales asked for one reminder to leads who do not answer"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    role: str
    email: str
    password: str
    tenant: str


MADE = "made with the demo"  # reason of its first changes
CAST = [
    (
        "northwind",
        "Northwind Outdoor",
        "GBP",
        [
            ("ilse@northwind.example", "Ilse Marchetti", Role.OWNER),
            ("mara@northwind.example", "Mara Lindqvist", Role.REVIEWER),
            ("theo@northwind.example", "Theo Brandt", Role.SUPPORT),
            ("jonas@northwind.example", "Jonas Ek", Role.STARTER),
        ],
    ),
    ("fjordtur", "Fjordtur AS", "EUR", [("charlotte@fjordtur.example", "Charlotte Vik", Role.OWNER)]),
]


def load() -> list[Account]:
    """Make what is missing; running it again changes nothing. Returns who can sign in."""
    accounts = []
    for slug, name, currency, cast in CAST:
        users = [(_user(email, person), role) for email, person, role in cast]
        if not any(seat.slug == slug for seat in people.seats_of(users[0][0])):
            _tenant(slug, name, currency, users)
        accounts += [Account(role=role, email=u.email, password=PASSWORD, tenant=slug) for u, role in users]
    return accounts


def _user(email: str, name: str) -> User:
    return User.objects.filter(email=email).first() or User.objects.create_user(email, PASSWORD, name=name)


def _tenant(slug: str, name: str, currency: str, users: Sequence[tuple[User, str]]) -> None:
    owner = people.add_tenant(slug=slug, name=name, currency=currency, owner=users[0][0])
    members: list[Membership] = [
        people.add_member(actor=owner, user=user, role=role, reason=MADE) for user, role in users[1:]
    ]
    for name in ("refund_desk", "outbound"):
        operations.set_up_workflow(actor=owner, name=name, note="first release")
    policies.publish(actor=owner, rules=RULES, note="the demo's rules")
    if members:
        starter = Actor(user=users[-1][0], tenant=owner.tenant, role=users[-1][1])
        _tickets(starter)
        _leads(starter)
        for version, (mode, why) in enumerate(FLAG_HISTORY):
            features.change(actor=owner, name="follow_up_enabled", mode=mode, version=version, reason=why)


def _tickets(starter: Actor) -> None:
    for order, email, story, amount in TICKETS:
        given = {"order": order, "email": email, "story": story, "amount_minor": amount}
        operations.start(actor=starter, workflow="refund_desk", given=given, start_key=f"demo:{order}")


def _leads(starter: Actor) -> None:
    for person, role, email, company, note in LEADS:
        given = {"person": person, "role": role, "email": email, "company": company, "note": note}
        given |= {"domain": email.partition("@")[2]}
        operations.start(actor=starter, workflow="outbound", given=given, start_key=f"demo:{email}")
