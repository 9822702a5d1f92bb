from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "dcm.lib.audit"
    verbose_name = "Audit"
