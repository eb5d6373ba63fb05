"""Each thread has a connection of its own, and with it a tenant of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tenants import errors, scoping

pytestmark = pytest.mark.usefixtures("database")


def elsewhere(work):
    def alone():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(alone).result(20)


def test_the_tenant_of_one_thread_is_not_the_tenant_of_another(cast):
    def other():
        with scoping.tenant(cast.charlie.tenant.pk):
            return scoping.current()

    with scoping.tenant(cast.alice.tenant.pk):
        assert elsewhere(other) == cast.charlie.tenant.pk
        assert scoping.current() == cast.alice.tenant.pk


def test_a_thread_without_a_tenant_has_none_while_another_has_one(cast):
    def other():
        with pytest.raises(errors.TenantMissing):
            scoping.current()
        return threading.current_thread().name

    with scoping.tenant(cast.alice.tenant.pk):
        assert elsewhere(other) != threading.current_thread().name
