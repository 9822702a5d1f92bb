"""OpenTelemetry, when OTEL_EXPORTER_OTLP_ENDPOINT names a collector. Else nothing is loaded."""

from collections.abc import Callable

from django.conf import settings

MISSING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
    "pip install -r requirements-otel.txt"
)


def is_missing() -> bool:
    """Whether it is wanted and cannot be had."""
    if not settings.OTLP_ENDPOINT:
        return False
    try:
        from dcm.monitoring import otlp  # noqa: F401
    except ImportError:
        return True
    return False


def start() -> Callable[[], None]:
    """Tell the collector from now on; what is returned tells it the rest and stops."""
    if not settings.OTLP_ENDPOINT:
        return _nothing
    from dcm.monitoring import otlp

    return otlp.start(settings.OTLP_ENDPOINT)


def _nothing() -> None:
    return None
