from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "dcm.lib.keys"
    verbose_name = "Keys"
