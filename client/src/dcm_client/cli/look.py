"""Commands that show what is there: status, agents, brief, tail."""

import asyncio
import contextlib
import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from dcm_client.cli.options import Json, Session, Url, exit_code, explain, server, the_session
from dcm_client.cli.terminal import (
    ago,
    complain,
    give_up,
    line,
    say,
    show_json,
    show_json_line,
    show_table,
)
from dcm_client.errors import DCMError
from dcm_client.events import Event, EventStream
from dcm_client.rest import AsyncDCMClient
from dcm_client.spool import Spool, default_folder


def status(url: Url = None, as_json: Json = False) -> None:
    """What the server has, and what waits here to be sent to it."""
    waiting = Spool(default_folder(dict(os.environ))).waiting()
    with server(url) as dcm:
        health, stats, agents = dcm.health(), dcm.stats(), dcm.get_agents()
        if as_json:
            told = {"url": dcm.url, "health": health, "stats": stats, "agents": agents}
            show_json({**told, "spool": waiting._asdict()})
            return
        say(f"{dcm.url}  version {health.version}  {health.status}")
        say(
            f"{stats.project_count} projects, {stats.request_count} requests, "
            f"{stats.action_count} actions, {stats.message_count} messages"
        )
        say(f"{sum(agent.online for agent in agents)} agents connected, {len(agents)} seen lately")
        say(f"{waiting.events} events wait here" + (": dcm flush" if waiting.events else ""))


def agents(url: Url = None, as_json: Json = False) -> None:
    """Who is connected, or worked within a day."""
    with server(url) as dcm:
        found = dcm.get_agents()
    if as_json:
        show_json(found)
        return
    rows = [
        (
            each.agent_id,
            each.agent_type,
            "online" if each.online else ago(each.last_seen_at),
            each.unread_count or "",
            "blocked" if each.is_blocked else "",
            (each.current_subtask or {}).get("description"),
        )
        for each in found
    ]
    headings = ("AGENT", "TYPE", "SEEN", "UNREAD", "", "WORKS ON")
    show_table(headings, rows, empty="No agent was seen within a day")


def brief(
    agent: Annotated[str | None, typer.Argument(help="By default the session's own.")] = None,
    session: Session = None,
    agent_type: Annotated[str | None, typer.Option("--type", help="Such as backend.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="At most so long.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """What an agent should know now."""
    with server(url) as dcm:
        session_id = the_session(dcm, session)
        context = dcm.get_context(
            agent or session_id,
            session_id=session_id,
            agent_type=agent_type,
            max_tokens=max_tokens,
        )
    if as_json:
        show_json(context)
    elif context.brief is None:
        give_up(context.message or "there is no brief")
    else:
        say(context.brief.content)


def tail(
    since: Annotated[
        str | None, typer.Option(help="Begin with the events of the last 10m, 2h, 1d.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="Only these, `task.*` for a family.")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="Beside `global`, such as sessions/ID.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="End after so many.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Events as they happen, until Ctrl-C; JSON Lines with --json."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_tail(url, since, kind or [], channel or [], count, as_json))


async def _tail(
    url: str | None,
    since: str | None,
    kinds: list[str],
    channels: list[str],
    count: int | None,
    as_json: bool,
) -> None:
    async with AsyncDCMClient(url) as dcm:
        try:
            after = await _event_before(dcm, since) if since else None
            stream = EventStream(
                url, channels=channels, types=kinds, last_event_id=after, retries=None
            )
            async with stream:
                shown = 0
                while count is None or shown < count:
                    _show(await stream.next_event(), as_json)
                    shown += 1
        except DCMError as error:
            complain(explain(error, dcm.url))
            raise typer.Exit(exit_code(error)) from None


async def _event_before(dcm: AsyncDCMClient, since: str) -> str | None:
    """The last event before that time: the stream goes on after it."""
    log = await dcm.get_events(since=since, limit=1)
    first = log.events[0] if log.events else None
    if first is None:
        return None
    epoch, _, number = str(first["id"]).rpartition("_")
    return f"{epoch}_{int(number) - 1}"


def _show(event: Event, as_json: bool) -> None:
    if as_json:
        show_json_line(event)
        return
    moment = datetime.fromtimestamp(event.timestamp / 1000, UTC).astimezone()
    say(f"{moment:%H:%M:%S}  {line(event.type):<22} {line(event.channel):<18} {_told(event.data)}")


def _told(data: Any) -> str:
    if not isinstance(data, dict):
        return line(data)
    shown = (f"{name}={value}" for name, value in data.items() if value not in (None, "", [], {}))
    return line("  ".join(shown))[:300]
