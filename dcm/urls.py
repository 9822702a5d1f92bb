"""Every HTTP route."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter

from dcm import api_docs, cleanup, health
from dcm.lib.api import AnyText
from dcm.monitoring.hooks import hook_health
from dcm.monitoring.views import metrics

register_converter(AnyText, "text")

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include("projects.urls")),
    path("api/", include("routing.urls")),
    path("api/", include("realtime.urls")),
    # Before the sessions' own routes, see there.
    path("api/", include("sessions_app.coordinator_urls")),
    path("api/", include("messaging.urls")),
    path("api/", include("sessions_app.urls")),
    path("api/hooks/health", hook_health),
    path("api/cleanup/stats", cleanup.CleanupStats.as_view()),
    path("api/schema", api_docs.Schema.as_view()),
    path("api/docs", api_docs.SwaggerUi.as_view(), name="api-docs"),
    path("api/docs/redoc", api_docs.Redoc.as_view()),
    path("health", health.health),
    path("livez", health.livez),
    path("metrics", metrics),
    path("stats", health.stats),
    path("stats/tools-summary", health.ToolsSummary.as_view()),
    path("", include("dcm.dashboard.urls")),
    path("admin/", admin.site.urls),
]
