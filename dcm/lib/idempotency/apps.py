from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    name = "dcm.lib.idempotency"
    verbose_name = "Idempotency"
