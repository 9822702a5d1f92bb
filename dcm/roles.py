"""Who may do what in the admin: two groups, kept up to date by every `migrate`.

An operator looks, a maintainer changes too. Deleting is left to superusers, and to whoever they
give that permission.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.db import router

OPERATOR = "operator"
MAINTAINER = "maintainer"
_MAY = {OPERATOR: ("view",), MAINTAINER: ("view", "change")}
_OURS = frozenset(
    {
        *("projects", "routing", "messaging", "sessions_app", "realtime"),
        *("audit", "idempotency", "keys", "redaction", "imports"),
        "admin",  # the log of what people changed there, which nobody can change
    }
)


def give_permissions(app_config: AppConfig, using: str, **_: Any) -> None:
    """Add the permissions of one app of ours to both groups; what they have besides stays."""
    if app_config.label not in _OURS:
        return
    group_model, permission_model = apps.get_model("auth.Group"), apps.get_model("auth.Permission")
    if not router.allow_migrate_model(using, group_model):
        return
    permissions = permission_model.objects.using(using).filter(
        content_type__app_label=app_config.label
    )
    for name, verbs in _MAY.items():
        group, _created = group_model.objects.using(using).get_or_create(name=name)
        for verb in verbs:
            group.permissions.add(*permissions.filter(codename__startswith=f"{verb}_"))
