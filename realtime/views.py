import functools

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib import wire
from dcm.lib.api import InvalidQuery, Query, hot_view
from dcm.lib.errors import DomainError
from dcm.lib.keys.callers import current
from dcm.lib.threads import in_thread
from dcm.lib.throttle import Limit
from realtime.channel_names import is_channel
from realtime.log import Entry
from realtime.selectors import (
    Start,
    entries_between,
    parse_age,
    start_after,
    start_at,
    start_since,
)
from realtime.tokens import LIFETIME_SECONDS, Identity, make_token

MOST_EVENTS = 1_000
LARGEST_NUMBER = 10**18


class NoAgent(DomainError):
    message = "Missing agent_id"


class Token(APIView):
    """A token for a socket. Contract: rest 5.14, R32."""

    failure = "Failed to generate token"

    def post(self, request: Request) -> Response:
        given = request.data if isinstance(request.data, dict) else {}
        agent_id, session_id = given.get("agent_id"), given.get("session_id")
        if not _is_id(agent_id):
            raise NoAgent
        session_id = session_id if _is_id(session_id) else None
        key_id = current.get().key_id
        if settings.TOKEN_RATE_LIMIT:
            _pace(settings.TOKEN_RATE_LIMIT).take(key_id)
        identity = Identity(str(agent_id), session_id, key_id)
        return Response({"token": make_token(identity), "expires_in": LIFETIME_SECONDS})


@functools.cache
def _pace(a_minute: int) -> Limit:
    """Apart from that of other requests: a key that got loose is not to be made many tokens of."""
    return Limit("tokens", rate=a_minute / 60, burst=a_minute)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


@hot_view(failure="Failed to fetch events", method="GET")
async def events(request: HttpRequest) -> HttpResponse:
    """The event log: after a number or an event id, or of the last `since`; on one channel or all.

    A reader goes on with next_after. recovered is false when events in between are not there.
    """
    query = Query(request.GET)
    limit = query.integer("limit", 100, least=1, most=MOST_EVENTS)
    channel = query.text("channel")
    if channel is not None and not is_channel(channel):
        raise InvalidQuery({"channel": ["No channel has this name"]})
    start, entries = await in_thread(_read, query, channel, limit)
    next_after = entries[-1].seq if len(entries) == limit else start.head
    head = {"epoch": start.epoch, "head": start.head, **start.report(), "next_after": next_after}
    body = b'{"events":[%b],%b' % (
        ",".join(entry.frame(channel or entry.channels[0]) for entry in entries).encode(),
        wire.dump({"count": len(entries), **head})[1:],
    )
    return HttpResponse(body, content_type="application/json")


def _read(query: Query, channel: str | None, limit: int) -> tuple[Start, list[Entry]]:
    start = _start(query)
    channels = None if channel is None else [channel]
    return start, entries_between(
        after=start.after, upto=start.head, channels=channels, limit=limit
    )


def _start(query: Query) -> Start:
    after, since = query.text("after"), query.text("since")
    if since is not None:
        age = parse_age(since)
        if age is None:
            raise InvalidQuery({"since": ["Expected an age like 10m, 90s, 2h or 1d"]})
        return start_since(age)
    if after is None:
        return start_at(0)
    if not after.isascii() or not after.isdigit():
        return start_after(after)
    return start_at(min(int(after[:19]), LARGEST_NUMBER))
