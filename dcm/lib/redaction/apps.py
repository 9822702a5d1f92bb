from django.apps import AppConfig


class RedactionConfig(AppConfig):
    name = "dcm.lib.redaction"
    verbose_name = "Redaction"
