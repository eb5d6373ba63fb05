"""Addresses of runs, below the tenant."""

from django.urls import path

from runs import lead_views, views

app_name = "runs"
urlpatterns = [
    path("runs/", views.list_runs, name="list"),
    path("runs/new/", views.new, name="new"),
    path("runs/new/lead/", lead_views.new_lead, name="new_lead"),
    path("runs/new/leads/", lead_views.lead_file, name="lead_file"),
    path("runs/<uuid:run_id>/", views.detail, name="detail"),
    path("runs/<uuid:run_id>/retries/", views.retries, name="retries"),
    path("runs/<uuid:run_id>/resumptions/", views.resumptions, name="resumptions"),
    path("runs/<uuid:run_id>/compensations/", views.compensations, name="compensations"),
    path("runs/<uuid:run_id>/cancellations/", views.cancellations, name="cancellations"),
    path("runs/<uuid:run_id>/skips/", views.skips, name="skips"),
    path("runs/<uuid:run_id>/contact-bans/", views.contact_bans, name="contact_bans"),
    path("runs/<uuid:run_id>/contact-permissions/", views.contact_permissions, name="contact_permissions"),
    path("runs/<uuid:run_id>/artifacts/<uuid:artifact_id>/", views.artifact, name="artifact"),
    path("actions/<uuid:action_id>/settlements/", views.settlements, name="settlements"),
    path("actions/<uuid:action_id>/probes/", views.probes, name="probes"),
    path("stops/", views.stops, name="stops"),
    path("stops/<uuid:stop_id>/lifts/", views.lifts, name="lifts"),
    path("unknown/", views.unknown, name="unknown"),
    path("system/", views.system_page, name="system"),
]
