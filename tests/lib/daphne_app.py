"""The routes of edge.py for a daphne of their own: `daphne tests.lib.daphne_app:application`."""

import tests.environment  # noqa: F401  first: settings are read once

import os  # isort: skip

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402

settings.ROOT_URLCONF = "tests.lib.edge"

from dcm.lib.handler import LeanHandler  # noqa: E402
from tests.lib.edge import marks  # noqa: E402

marks.go_on.set()
application = LeanHandler()
