"""Addresses of requests, below the tenant."""

from django.urls import path

from approvals import views

app_name = "approvals"
urlpatterns = [
    path("review/", views.inbox, name="inbox"),
    path("review/queue/", views.queue_news, name="queue"),
    path("review/<uuid:approval_id>/", views.card, name="card"),
    path("review/<uuid:approval_id>/decisions/", views.decide, name="decisions"),
    path("review/of-run/<uuid:run_id>/", views.for_run, name="for_run"),
    path("review/votes-of/<uuid:user_id>/", views.votes_of, name="votes_of"),
    path("guide/", views.guide_steps, name="guide"),
    path("guide/dismissals/", views.dismissals, name="guide_dismissals"),
    path("bands/", views.bands, name="bands"),
    path("decided/", views.decided, name="decided"),
]
