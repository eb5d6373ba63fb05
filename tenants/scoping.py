"""The one way to a tenant's rows: a transaction that names the tenant.

`SET LOCAL` ends with the transaction, so a pooled connection never carries a tenant to the next user.
Without it row-level security shows no rows at all.
"""

import enum
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, transaction

from tenants import errors

_KEY = "holdpoint_tenant"  # attribute of the thread's own connection: the tenant of its present transaction

LEAST_SILENCE_S = 5.0
_BEGIN = "SELECT set_config('app.tenant', %s, true), set_config('idle_in_transaction_session_timeout', %s, true)"


class Lock(enum.IntEnum):
    """First key of the advisory locks that claims share and withdrawals of permission take alone."""

    GLOBAL = 0x484F_0001
    TENANT = 0x484F_0002


@contextmanager
def tenant(tenant_id: uuid.UUID, *, durable: bool = False) -> Iterator[None]:
    """A transaction in which `tenant_id` is the tenant. `durable=True` refuses to be nested.

    Nested calls for the same tenant join the outer transaction as a savepoint; for another one they
    raise `TenantMissing`, because one transaction serves one tenant.
    """
    outer = getattr(connection, _KEY, None) if connection.in_atomic_block else None
    if outer is not None and outer != tenant_id:
        raise errors.TenantMissing(f"A transaction for tenant {outer} cannot serve {tenant_id}.")
    with transaction.atomic(durable=durable):
        if outer is None:
            with connection.cursor() as cursor:
                cursor.execute(_BEGIN, [str(tenant_id), _most_silent_ms()])
            setattr(connection, _KEY, tenant_id)
        try:
            yield
        finally:
            if outer is None:
                setattr(connection, _KEY, None)


def _most_silent_ms() -> str:
    """How long a transaction may say nothing before PostgreSQL ends it: two leases.

    A process that was stopped inside its claim keeps locks on which recovery and stops wait; it is lost by then.
    """
    return str(int(max(2 * settings.HOLDPOINT_LEASE_SECONDS, LEAST_SILENCE_S) * 1000))


def current() -> uuid.UUID:
    """The tenant of this transaction. Raises `TenantMissing` outside of one."""
    found = getattr(connection, _KEY, None)
    if found is None or not connection.in_atomic_block:
        raise errors.TenantMissing()
    return found


def share_permission() -> None:
    """Take the advisory locks of a claim, shared: global, then tenant. Whoever withdraws permission waits for us."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [Lock.GLOBAL])
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, hashtext(%s))", [Lock.TENANT, str(current())])


def withdraw_permission(*, everywhere: bool = False) -> None:
    """Take the same locks alone, before a stop, a revocation or a stricter policy is written.

    Claims in progress finish first; every later claim sees what this transaction commits.
    """
    with connection.cursor() as cursor:
        if everywhere:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [Lock.GLOBAL])
            return
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [Lock.GLOBAL])
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [Lock.TENANT, str(current())])
