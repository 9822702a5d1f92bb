"""The admin's first page: what people come for first, and the names on it."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest

ORDER = ("projects", "sessions_app", "messaging", "routing", "realtime", "keys", "auth")
"""Labels of apps. Others come after these, by name."""


class Site(AdminSite):
    site_header = site_title = "DCM"
    index_title = "Admin"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=_place)


def _place(app: dict[str, Any]) -> int:
    label = app["app_label"]
    return ORDER.index(label) if label in ORDER else len(ORDER)


class SiteConfig(AdminConfig):
    default_site = "dcm.admin_site.Site"
