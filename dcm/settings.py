"""Django's settings, all of them from the environment by way of dcm.env."""

import os
import sys
from pathlib import Path
from typing import Any

from dcm.env import BadSetting, read_env
from dcm.lib import embedded

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    ENV = read_env()
    SECRET_KEY = ENV.secret_key or embedded.kept_secret(ENV.dcm_home / "django-secret-key")
    _server: dict[str, Any] = embedded.connection(ENV.dcm_home) if ENV.embedded else ENV.database()
except BadSetting as error:
    sys.exit(f"dcm: {error}")
except OSError as error:
    sys.exit(f"dcm: cannot use DCM_HOME: {error}: set DCM_HOME to a folder of yours")

DEBUG = False
PRODUCTION = ENV.production
REDACT = ENV.dcm_redact == "on"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", ENV.host]
ALLOWED_HOSTS += [name.strip() for name in ENV.allowed_hosts.split(",") if name.strip()]

_origins = {origin.strip() for origin in ENV.cors_origins.split(",") if origin.strip()}
CORS_ORIGINS = frozenset(_origins or (() if PRODUCTION else {"*"}))

INSTALLED_APPS = [
    "dcm.admin_site.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "dcm.lib.idempotency",
    "dcm.lib.redaction",
    "dcm.lib.audit",
    "dcm.lib.keys",
    "realtime",
    "routing",
    "projects",
    "messaging",
    "sessions_app",
    "dcm.imports",
    "dcm",
    "dcm.dashboard",
]

# Async views pass only these: each runs on the event loop and none waits.
EDGE_MIDDLEWARE = [
    "dcm.lib.middleware.api_edge",
    "dcm.lib.keys.admission.known_caller",
    "realtime.read_your_writes.tell_seq",
    "dcm.access.authorize",
]
# Synchronous views pass all of these, in the one thread that runs the view.
MIDDLEWARE = [
    *EDGE_MIDDLEWARE,
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dcm.lib.middleware.Compress",
    "django.middleware.http.ConditionalGetMiddleware",
    "dcm.lib.middleware.secure_cookies",
    "dcm.lib.throttle_login.login_throttled",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dcm.lib.idempotency.middleware.idempotent",
]
ROOT_URLCONF = "dcm.urls"
ASGI_APPLICATION = "dcm.asgi.application"
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "dcm" / "templates"],  # before those of the admin
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

EMBEDDED_POSTGRES = ENV.embedded
DCM_HOME = ENV.dcm_home
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "dcm.lib.postgresql",
        **_server,
        "CONN_MAX_AGE": None,  # each worker thread keeps its own: measured faster than a pool
        "CONN_HEALTH_CHECKS": False,  # dcm.lib.threads checks, and not for every request
        "OPTIONS": {
            "connect_timeout": 2,
            "application_name": "dcm",
            # A stuck statement or transaction frees its locks instead of stopping everyone.
            "options": "-c lock_timeout=1500 -c statement_timeout=15000"
            " -c idle_in_transaction_session_timeout=5000",
            **_server.get("OPTIONS", {}),
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DB_THREADS = ENV.db_max_connections
DB_CONNECTIONS = DB_THREADS + 9  # of one process: each lane of a batcher, the hub, health

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # What is published reaches all databases of a Redis, so that its name tells them apart.
        "CONFIG": {"hosts": [ENV.redis_url], "prefix": f"dcm:{ENV.redis_number}"},
    }
    if ENV.redis_url
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # no collectstatic step before the first run

SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Strict"
X_FRAME_OPTIONS = "DENY"

SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0  # sent over TLS only
SECURE_REFERRER_POLICY = "same-origin"  # with none at all a form's Origin is null, and refused
SESSION_COOKIE_AGE = 8 * 3600

OTLP_ENDPOINT = ENV.otel_exporter_otlp_endpoint.rstrip("/")
API_KEY = ENV.dcm_api_key
RATE_LIMIT = ENV.rate_limit if PRODUCTION else 0
TOKEN_RATE_LIMIT = ENV.token_rate_limit if PRODUCTION else 0
REDIS_URL = ENV.redis_url
WS_AUTH_SECRETS = ENV.ws_auth_secret.split(",")
MESSAGE_TTL_SECONDS = -(-ENV.message_ttl_ms // 1000)
AGENT_STALE_MINUTES = ENV.agent_stale_minutes
INJECT_MAX_CHARACTERS = ENV.inject_max_characters
INJECT_MAX_TIMES = ENV.inject_max_times
EVENT_RETENTION_HOURS = ENV.event_retention_hours
EVENT_RETENTION_MAX = ENV.event_retention_max
ACTION_RETENTION_DAYS = ENV.action_retention_days
ROUTING_HALF_LIFE_DAYS = ENV.routing_half_life_days
ROUTING_PROJECT_SCORES = ENV.routing_project_scores == "on"
ROUTING_RICH_KEYWORDS = ENV.routing_keywords == "rich"
HOST = ENV.host
HEALTHCHECK_INTERVAL_MS = ENV.healthcheck_interval_ms
CLAUDE_HOME = Path(os.environ.get("HOME", "/")) / ".claude"  # where an agent host keeps its tools
MAX_DB_RETRIES = ENV.max_db_retries
MAX_BODY_BYTES = ENV.max_body_bytes
MAX_HOOK_BODY_BYTES = 16 * ENV.max_body_bytes
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # the handler has counted the body already
DASHBOARD_PORT = ENV.dashboard_port
WS_PORT = ENV.ws_port
COORDINATOR_PORT = ENV.coordinator_port
HTTP_PORT = ENV.port

REST_FRAMEWORK = {
    "DEFAULT_PARSER_CLASSES": ["dcm.lib.api.AnyJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["dcm.lib.api.OrjsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "dcm.lib.api.AnyAccept",
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "dcm.lib.api.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "dcm.lib.openapi.ApiSchema",
    "URL_FORMAT_OVERRIDE": None,
}
ABOUT_API = """\
Records what coding agents do, gives context back, lets them coordinate.

Bodies are JSON, whatever Content-Type says; keys and parameters that are not known are ignored, and
of a repeated parameter the first counts. Null counts as absent where a field is optional. No text
may contain U+0000. HEAD works wherever GET does, and OPTIONS everywhere; an unknown route and a
method that a route does not have are both 404. Times are ISO 8601 with a zone.
"""
SPECTACULAR_SETTINGS = {
    "TITLE": "Distributed Context Manager",
    "DESCRIPTION": ABOUT_API,
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "DEFAULT_GENERATOR_CLASS": "dcm.openapi_document.Generator",
    "POSTPROCESSING_HOOKS": ["dcm.openapi_document.finish"],
    "SCHEMA_PATH_PREFIX": "/",
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,  # as in urls.py
    "SORT_OPERATION_PARAMETERS": False,
}

SLOW_SECONDS = ENV.dcm_slow_ms / 1000
SLOW_QUERY_SECONDS = ENV.dcm_slow_query_ms / 1000
_as_json = ENV.log_format == "json" or (ENV.log_format == "auto" and ENV.production)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "dcm.lib.logs.JsonLines"}
        if _as_json
        else {"()": "dcm.lib.logs.Lines", "stream": sys.stderr}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {name: {"level": "WARNING"} for name in ("uvicorn", "asyncio", "mcp")},
}
