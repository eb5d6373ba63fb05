"""The two registers of what must work before a tenant is known. A test fails on a table that is in neither and not isolated."""

# Tables without a tenant. The reason says why no row of theirs belongs to one tenant.
EXEMPT = {
    "tenants_user": "a person may belong to several tenants; signing in comes first",
    "tenants_globalstop": "the switch over all tenants",
    "runs_worker": "a worker process serves every tenant; the row holds host, process id and versions only",
    "account_emailaddress": "addresses of people who sign in",
    "account_emailconfirmation": "confirmation of such an address",
    "auth_group": "not used; Django's own table",
    "auth_group_permissions": "not used; Django's own table",
    "auth_permission": "names of permissions",
    "django_content_type": "names of models",
    "django_migrations": "state of the schema; readable, so that readiness can be checked",
    "django_session": "who is signed in",
    "guardian_groupobjectpermission": "not used; groups do not exist here",
    "guardian_userobjectpermission": "ids of a person and of an object that is itself isolated",
}

# Functions of the cross role: each reads or leases across tenants, and returns ids, never contents.
CROSS = {
    "my_tenants_v1": "the tenants a signed-in person may choose from",
    "key_owner_v1": "the tenant and person of an API key, by its hash",
    "invitation_v1": "whom an invitation is for, by its hash, before anybody has signed in",
    "tenant_by_slug_v1": "the reader of incoming mail knows a tenant by its slug only",
    "claim_ready_v1": "a worker leases ready runs of all tenants in one statement",
    "due_waits_v1": "timers and expiries that are over, of all tenants",
    "lost_leases_v1": "runs whose worker is gone, of all tenants",
}
