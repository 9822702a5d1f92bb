"""Every socket route, and the application that all ports share."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
