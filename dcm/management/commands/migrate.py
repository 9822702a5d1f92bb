"""Django's `migrate`, by one process at a time and without the limits of serving."""

from typing import Any

from django.core.management.commands import migrate

from dcm.serving.database import alone
from dcm.serving.set_aside import is_set_aside, put_back


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with alone():
            if is_set_aside():  # a restore was killed
                put_back()
            super().handle(*args, **options)
