from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DcmConfig(AppConfig):
    name = "dcm"
    verbose_name = "DCM"

    def ready(self) -> None:
        from dcm.roles import give_permissions

        post_migrate.connect(give_permissions, dispatch_uid="dcm.roles")
