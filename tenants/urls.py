"""Addresses of admins' pages, below the tenant."""

from django.urls import path

from tenants import governing

app_name = "tenants"
urlpatterns = [
    path("members/", governing.members, name="members"),
    path("members/invitations/", governing.invitations, name="invitations"),
    path("members/<uuid:member_id>/roles/", governing.roles, name="roles"),
    path("members/<uuid:member_id>/removals/", governing.removals, name="removals"),
    path("members/<uuid:member_id>/keys/", governing.keys, name="keys"),
    path("keys/<uuid:key_id>/revocations/", governing.revocations, name="revocations"),
    path("flags/", governing.flags, name="flags"),
    path("flags/<slug:name>/changes/", governing.changes, name="changes"),
    path("flags/<slug:name>/reach/", governing.reach, name="reach"),
    path("history/", governing.history, name="history"),
]
