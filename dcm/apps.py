from django.apps import AppConfig


class DcmConfig(AppConfig):
    name = "dcm"
    verbose_name = "DCM"
