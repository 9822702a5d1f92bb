"""Every HTTP route."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include("projects.urls")),
    path("admin/", admin.site.urls),
]
