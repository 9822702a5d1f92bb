"""Is the server there, is it ours, does its clock agree."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version as version_of

from dcm_client.cli.doctor.findings import Finding, ok, problem, warning
from dcm_client.cli.options import explain
from dcm_client.errors import DCMError, Overloaded
from dcm_client.rest import DCMClient
from dcm_client.results import Health

MOST_SKEW_SECONDS = 5
SLOW_MS = 250


def check_server(dcm: DCMClient) -> Iterator[Finding]:
    began, clock = time.monotonic(), datetime.now(UTC)
    try:
        health = dcm.health()
    except Overloaded as error:
        database = error.reply.get("database")
        why = database.get("error") if isinstance(database, dict) else error
        advice = "start its PostgreSQL, or look at DATABASE_URL and at the server's log"
        yield problem("server", f"{dcm.url} answers, but its database is away: {why}", advice)
        return
    except DCMError as error:
        text, _, advice = explain(error, dcm.url).rpartition(": ")
        yield problem("server", text, advice)
        return
    took = time.monotonic() - began
    yield _reached(dcm, took)
    yield _version(health)
    yield _clock(health, clock, took)
    try:
        dcm.stats()
    except DCMError as error:
        yield problem("key", str(error), "set DCM_TOKEN to a key that the server knows")


def _reached(dcm: DCMClient, took: float) -> Finding:
    text = f"{dcm.url} answers in {took * 1000:.0f} ms"
    if took * 1000 < SLOW_MS:
        return ok("server", text)
    return warning("server", text, "hosts wait for their hooks: a server nearby would do better")


def _version(health: Health) -> Finding:
    mine = version_of("dcm-client")
    text = f"server {health.version}, this client {mine}"
    if _series(health.version) == _series(mine):
        return ok("version", text)
    return warning("version", text, "install the client that came with the server")


def _series(version: str) -> list[str]:
    """What has to be equal: 0.1 of 0.1.7."""
    return version.split(".")[:2]


def _clock(health: Health, before: datetime, took: float) -> Finding:
    skew = (health.timestamp - before).total_seconds() - took / 2
    if abs(skew) <= MOST_SKEW_SECONDS:
        return ok("clock", f"agrees with the server's within {MOST_SKEW_SECONDS} s")
    text = (
        f"the server's is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    )
    advice = "set one by NTP; until then times of events and --since are off by that"
    return warning("clock", text, advice)
