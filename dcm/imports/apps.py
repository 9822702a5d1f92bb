from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "dcm.imports"
    verbose_name = "Imports"
