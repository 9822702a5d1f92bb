"""Every environment variable the server reads, typed, with its default and meaning.

`docs/configuration.md` has the same list for readers; a test holds the two together.
"""

import dataclasses
import ipaddress
import os
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
import psycopg
from psycopg.conninfo import conninfo_to_dict

DEVELOPMENT_SECRET = "dcm-dev-secret-change-me"  # noqa: S105  the original's public default
SHORTEST_SECRET = 32
COLLECTOR = re.compile(r"https?://[^\s?#]+")
ORIGIN = re.compile(r"\*|https?://[^/\s]+")


class BadSetting(Exception):
    """A variable has a value that cannot be used; the text names it and says what to set."""


def var(default: Any, about: str) -> Any:
    """A field of Env: `db_port: int = var(5432, "PostgreSQL port")` reads DB_PORT."""
    return dataclasses.field(default=default, metadata={"about": about})


@dataclasses.dataclass(frozen=True)
class Env:
    dcm_env: Literal["development", "production"] = var(
        "development", "production demands secrets and keys; NODE_ENV is read when this is unset"
    )
    dcm_home: Path = var(
        Path(), "folder of the embedded PostgreSQL; default: the platform's, as root /var/lib/dcm"
    )
    dcm_api_key: str = var(
        "", "an operator key for all, beside those of `manage.py apikey`; when set, keys are needed"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = var("INFO", "least level logged")
    log_format: Literal["auto", "text", "json"] = var(
        "auto", "auto: JSON lines in production, text in development"
    )
    dcm_slow_ms: int = var(
        1000, "requests that take so many milliseconds or more are logged; 0: none"
    )
    otel_exporter_otlp_endpoint: str = var(
        "", "http(s)://host:port of an OpenTelemetry collector, for traces and metrics; extra: otel"
    )
    dcm_slow_query_ms: int = var(500, "the same for statements of the database; 0: none")

    host: str = var("127.0.0.1", "address that all sockets listen on")
    port: int = var(3847, "port of REST, OpenAPI, /ws and /trpc; 0 switches it off")
    dashboard_port: int = var(3848, "port of the dashboard; 0 switches it off")
    ws_port: int = var(3849, "port of the native WebSocket; 0 switches it off")
    coordinator_port: int = var(3030, "port of the tRPC WebSocket; 0 switches it off")
    allowed_hosts: str = var("", "more names for the Host header, separated by commas")
    cors_origins: str = var(
        "", "origins whose pages may call, separated by commas; none given: in development any"
    )

    database_url: str = var(
        "", "postgresql://user:password@host:port/name; wins over DB_*; neither: embedded"
    )
    db_host: str = var("localhost", "PostgreSQL host, used when DB_USER is set")
    db_port: int = var(5432, "PostgreSQL port")
    db_name: str = var("claude_context", "PostgreSQL database")
    db_user: str = var("", "PostgreSQL user; setting it chooses the DB_* server")
    db_password: str = var("", "PostgreSQL password")
    db_max_connections: int = var(7, "connections that requests of a process share; it has 9 more")
    max_db_retries: int = var(3, "how often `serve` tries to reach the database at start")
    redis_url: str = var("", "redis://host:port/db: wake-up hints between machines")

    ws_auth_secret: str = var(
        DEVELOPMENT_SECRET,
        "signs socket tokens; several, newest first, separated by commas; yours in production",
    )
    secret_key: str = var("", "Django's secret; default: kept in a 0600 file under DCM_HOME")
    dcm_redact: Literal["on", "off"] = var(
        "on", "off: secrets in actions, prompts and hook events are stored as they come"
    )
    message_ttl_ms: int = var(
        3_600_000, "life of messages that name none, and how long events wait, in milliseconds"
    )
    healthcheck_interval_ms: int = var(30_000, "how often a database that is down is logged")
    agent_stale_minutes: int = var(
        15, "an agent at work that is silent for so long is called stale"
    )
    inject_max_characters: int = var(
        12_000, "how much text of messages hooks put before the agents of one session; 0: none"
    )
    inject_max_times: int = var(40, "how often they do so in one session; 0: never")
    event_retention_hours: int = var(168, "how long events can be replayed")
    event_retention_max: int = var(500_000, "how many events can be replayed")
    action_retention_days: int = var(0, "how long actions are kept; 0: for ever")
    routing_half_life_days: int = var(
        0, "a score counts half after so many days without use; 0: it never ages"
    )
    routing_project_scores: Literal["off", "on"] = var(
        "off", "on: scores per project, too, beside those of all projects together"
    )
    routing_keywords: Literal["words", "rich"] = var(
        "words", "rich: pairs of words and file extensions are keywords, too"
    )
    rate_limit: int = var(
        200, "requests a second in production of one key, or address without; four times at once"
    )
    token_rate_limit: int = var(
        60, "tokens a minute in production of one key; as many at once; 0 for no limit"
    )
    max_body_bytes: int = var(1_048_576, "largest request body; hook intake takes 16 times as much")

    @property
    def production(self) -> bool:
        return self.dcm_env == "production"

    @property
    def embedded(self) -> bool:
        """No database is configured, so `serve` brings its own."""
        return not (self.database_url or self.db_user)

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def database(self) -> dict[str, Any]:
        """NAME, USER, PASSWORD, HOST and PORT of the configured server, as Django wants them."""
        if not self.database_url:
            return {
                "NAME": self.db_name,
                "USER": self.db_user,
                "PASSWORD": self.db_password,
                "HOST": self.db_host,
                "PORT": str(self.db_port),
            }
        parts = _parse_database_url(self.database_url)
        return {
            "NAME": parts.pop("dbname"),
            "USER": parts.pop("user", ""),
            "PASSWORD": parts.pop("password", ""),
            "HOST": parts.pop("host", "localhost"),
            "PORT": parts.pop("port", "5432"),
            "OPTIONS": parts,
        }

    @property
    def redis_number(self) -> int:
        """The database of the configured Redis."""
        return int(_parse_redis_url(self.redis_url).get("db", 0))


NAMES = {field.name.upper() for field in dataclasses.fields(Env)} | {"NODE_ENV"}
"""All variables that are read."""


def default_home() -> Path:
    # As root the database runs as a user of its own, who could not enter a private home folder.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/dcm")
    return platformdirs.user_data_path("dcm")


def read_env(environ: Mapping[str, str] | None = None) -> Env:
    """Env from `environ`, by default the process's own. Raises BadSetting."""
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in environ.items() if value != ""}
    given.setdefault(
        "DCM_ENV", "production" if given.get("NODE_ENV") == "production" else "development"
    )
    given.setdefault("DCM_HOME", str(default_home()))
    types = typing.get_type_hints(Env)
    values = {
        field.name: _parse(field.name.upper(), given[field.name.upper()], types[field.name])
        for field in dataclasses.fields(Env)
        if field.name.upper() in given
    }
    env = Env(**values)
    _check(env)
    return env


def read_env_file(path: Path) -> dict[str, str]:
    """Variables of ours in lines like NAME=value; none when there is no such file.

    Comments, `export` and quotes around the whole value are understood. Raises BadSetting.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} cannot be read: {error}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals:
            raise BadSetting(f"line {number} of {path} is not of the form NAME=value")
        found[name.strip()] = _unquoted(value.strip())
    return {name: value for name, value in found.items() if name in NAMES}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _parse(name: str, text: str, kind: Any) -> Any:
    if kind is int:
        if not re.fullmatch("[0-9]{1,12}", text):
            raise BadSetting(f"{name}={text!r} is not a whole number: set it to digits only")
        return int(text)
    if kind is Path:
        return Path(text).expanduser().absolute()
    choices = typing.get_args(kind)
    if choices and text not in choices:
        raise BadSetting(f"{name}={text!r} is unknown: set it to one of {', '.join(choices)}")
    return text


_RANGES = {
    "port": (0, 65535),
    "dashboard_port": (0, 65535),
    "ws_port": (0, 65535),
    "coordinator_port": (0, 65535),
    "db_port": (1, 65535),
    "db_max_connections": (1, 1000),
    "max_db_retries": (1, 1000),
    "message_ttl_ms": (1000, 86_400_000),
    "healthcheck_interval_ms": (1000, 3_600_000),
    "agent_stale_minutes": (1, 1440),
    "inject_max_characters": (0, 1_000_000),
    "inject_max_times": (0, 100_000),
    "event_retention_hours": (1, 87_600),
    "action_retention_days": (0, 36_500),
    "rate_limit": (0, 1_000_000),
    "token_rate_limit": (0, 1_000_000),
    "event_retention_max": (1000, 1_000_000_000),
    "routing_half_life_days": (0, 36_500),
    "dcm_slow_ms": (0, 3_600_000),
    "dcm_slow_query_ms": (0, 3_600_000),
    "max_body_bytes": (1024, 1_073_741_824),
}


def _check(env: Env) -> None:
    for name, (least, most) in _RANGES.items():
        value = getattr(env, name)
        if not least <= value <= most:
            raise BadSetting(f"{name.upper()}={value} is out of range: {least} to {most}")
    ports = [p for p in (env.port, env.dashboard_port, env.ws_port, env.coordinator_port) if p]
    if len(set(ports)) < len(ports):
        raise BadSetting("PORT, DASHBOARD_PORT, WS_PORT and COORDINATOR_PORT must differ")
    if not ports:
        raise BadSetting("All of PORT, DASHBOARD_PORT, WS_PORT and COORDINATOR_PORT are 0")
    for origin in filter(None, env.cors_origins.split(",")):
        if not ORIGIN.fullmatch(origin.strip()):
            raise BadSetting(f"CORS_ORIGINS: {origin.strip()!r} is not like https://example.org")
    collector = env.otel_exporter_otlp_endpoint
    if collector and not COLLECTOR.fullmatch(collector):
        raise BadSetting(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={collector!r} is not like http://127.0.0.1:4318"
        )
    if env.database_url:
        _parse_database_url(env.database_url)
    if env.redis_url:
        _parse_redis_url(env.redis_url)
    if env.production:
        _check_production(env)
    elif not env.loopback:
        raise BadSetting(
            f"HOST={env.host} can be reached from elsewhere: "
            "set DCM_ENV=production, WS_AUTH_SECRET and DCM_API_KEY, or use HOST=127.0.0.1"
        )


def _parse_database_url(url: str) -> dict[str, Any]:
    """By the driver's own rules, so that whatever it understands will do."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    if not parts.get("dbname"):
        raise BadSetting("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    return dict(parts)


def _parse_redis_url(url: str) -> dict[str, Any]:
    from redis.connection import parse_url  # only where there is one

    try:
        return dict(parse_url(url))  # type: ignore[no-untyped-call]
    except ValueError:
        raise BadSetting("REDIS_URL must look like redis://host:6379/0") from None


def _check_production(env: Env) -> None:
    if "*" in [name.strip() for name in env.allowed_hosts.split(",")]:
        raise BadSetting("ALLOWED_HOSTS=* lets any page in by DNS: set the names of this server")
    if "*" in [origin.strip() for origin in env.cors_origins.split(",")]:
        raise BadSetting("CORS_ORIGINS=* lets any page call: set the origins that may")
    for secret in env.ws_auth_secret.split(","):
        if secret == DEVELOPMENT_SECRET or len(secret) < SHORTEST_SECRET:
            raise BadSetting(
                f"WS_AUTH_SECRET is public or short: set {SHORTEST_SECRET} random characters"
            )
    if env.secret_key and len(env.secret_key) < SHORTEST_SECRET:
        raise BadSetting(f"SECRET_KEY is short: set {SHORTEST_SECRET} random characters, or none")
    if 0 < len(env.dcm_api_key) < SHORTEST_SECRET:
        raise BadSetting(f"DCM_API_KEY is short: set {SHORTEST_SECRET} random characters, or none")
