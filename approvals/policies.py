"""What policy says of an action: rules as data, read top to bottom, the first that matches decides.

What no rule names is held, unless it only reads.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.models import Policy
from runs import canonical, errors
from runs.gates import ALLOW, DENY, HOLD, Verdict
from runs.models import Action
from runs.states import EffectClass
from tenants import audit, scoping
from tenants.models import Role
from tenants.permissions import MANAGE, Actor

STRICTNESS = {ALLOW: 0, HOLD: 1, DENY: 2}


class Match(BaseModel):
    """All that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    tool: str | None = None
    effect: EffectClass | None = None
    amount_at_most: int | None = Field(default=None, ge=0)  # minor units, of the argument amount_minor
    amount_over: int | None = Field(default=None, ge=0)
    equals: dict[str, str | int | bool] = {}  # argument -> value
    undo: bool | None = None  # whether it compensates another action

    def fits(self, action: Action, arguments: dict[str, Any]) -> bool:
        amount = arguments.get("amount_minor")
        return (
            (self.tool is None or self.tool == action.tool)
            and (self.effect is None or self.effect == action.effect)
            and (self.amount_at_most is None or (isinstance(amount, int) and amount <= self.amount_at_most))
            and (self.amount_over is None or (isinstance(amount, int) and amount > self.amount_over))
            and all(arguments.get(name) == value for name, value in self.equals.items())
            and (self.undo is None or self.undo == (action.compensates_id is not None))
        )


class Rule(BaseModel):
    """One line of a policy."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,60}$")]
    match: Match
    then: Literal["allow", "hold", "deny"]
    why: Annotated[str, Field(min_length=3, max_length=200)]
    quorum: int = Field(default=1, ge=1, le=9)
    deciders: list[Role] = Field(default=[Role.OWNER, Role.ADMIN, Role.REVIEWER], min_length=1)
    expires_after_s: float = Field(default=86_400, gt=0, le=90 * 86_400)
    hold_window_s: float = Field(default=0, ge=0, le=86_400)


class Rules(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rules: list[Rule] = Field(max_length=200)


def read(raw: Any) -> Rules:
    """Rules from data; raises `Invalid` naming the place."""
    try:
        return Rules.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise errors.Invalid(f"{where}: {first['msg']}.", field=where) from None


def present(tenant_id: Any) -> Policy | None:
    """The policy in force: the newest version."""
    return Policy.objects.filter(tenant_id=tenant_id).order_by("-version").first()


def judge(action: Action) -> Verdict:
    """The verdict of the policy in force. Raises when the policy cannot be read; the caller then holds."""
    policy = present(action.tenant_id)
    version = policy.version if policy else None
    if policy is not None:
        arguments = canonical.parse(bytes(action.payload))
        for rule in read(policy.rules).rules:
            if rule.match.fits(action, arguments):
                return Verdict(
                    result=rule.then,
                    rule=f"policy {version}, {rule.name}",
                    why=rule.why,
                    policy_version=version,
                    quorum=rule.quorum,
                    deciders=tuple(role.value for role in rule.deciders),
                    expires_after_s=rule.expires_after_s,
                    hold_window_s=rule.hold_window_s,
                )
    if action.effect == EffectClass.READ_ONLY:
        return Verdict(result=ALLOW, rule="reads only", why="It only reads.", policy_version=version)
    why = "No rule names it, and it does more than read."
    return Verdict(result=HOLD, rule="not named", why=why, policy_version=version)


def stricter(now: Verdict, then: dict[str, Any]) -> bool:
    """Whether `now` asks for more than the verdict (as stored) under which the action was decided."""
    if STRICTNESS[now.result] != STRICTNESS.get(then.get("result", ALLOW), 0):
        return STRICTNESS[now.result] > STRICTNESS.get(then.get("result", ALLOW), 0)
    if now.result != HOLD:
        return False
    fewer_may_decide = not set(then.get("deciders", now.deciders)) <= set(now.deciders)
    return fewer_may_decide or now.quorum > int(then.get("quorum", 1))


def publish(*, actor: Actor, rules: Any, note: str) -> Policy:
    """Put a new version in force. It waits for claims in progress; every later claim is judged by it."""
    actor.require(MANAGE)
    checked = read(rules)
    with scoping.tenant(actor.tenant.pk, durable=True):
        scoping.withdraw_permission()
        newest = present(actor.tenant.pk)
        policy = Policy(
            tenant=actor.tenant,
            version=(newest.version if newest else 0) + 1,
            rules=checked.model_dump(mode="json"),
            note=note[:200],
            author=actor.user,
        )
        policy.save(force_insert=True)
        before = f"version {newest.version}" if newest else None
        after = f"version {policy.version}"
        audit.record(actor=actor, kind="policy", target="policy", reason=note, before=before, after=after)
    return policy
