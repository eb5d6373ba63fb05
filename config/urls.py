"""Addresses. Every page of a tenant begins with its slug, so links paste well."""

from allauth.account import views as account
from django.urls import include, path
from django.views.generic import RedirectView

from config import health
from runs.api import api
from tenants import governing
from tenants import views as tenants

urlpatterns = [
    path("", tenants.home, name="home"),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/", RedirectView.as_view(pattern_name="account_login")),
    path("invitations/<str:secret>/", governing.invitation, name="invitation"),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("api/v1/", api.urls),
    path("<slug:tenant>/", include("runs.urls")),
    path("<slug:tenant>/", include("approvals.urls")),
    path("<slug:tenant>/", include("tenants.urls")),
]

handler403 = "tenants.views.forbidden"
handler404 = "tenants.views.not_found"
handler500 = "tenants.views.server_error"
