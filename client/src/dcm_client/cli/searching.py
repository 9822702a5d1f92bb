"""`dcm search`: what was asked, done, said, shared or decided with these words in it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from dcm_client.cli.options import Json, Url, server
from dcm_client.cli.terminal import USAGE, ago, clean, give_up, line, say, show_json
from dcm_client.results import Found

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def search(
    words: Annotated[list[str], typer.Argument(help='Some of them; "a phrase", -without.')],
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only these, such as request, action, message, decision."),
    ] = None,
    session: Annotated[str | None, typer.Option(help="Only of this session.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only of this agent.")] = None,
    since: Annotated[str | None, typer.Option(help="Of the last 10m, 2h, 1d.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Find what was asked, done, said, shared or decided, best first."""
    earliest = _moment(since) if since else None
    with server(url) as dcm:
        found = list(
            dcm.search(
                " ".join(words),
                kinds=kind,
                session_id=session,
                agent_id=agent,
                since=earliest,
                limit=limit,
            )
        )
    if as_json:
        show_json(found)
        return
    for each in found:
        _show(each)
    if not found:
        say("Nothing has these words")


def _moment(since: str) -> datetime:
    parts = re.fullmatch("([0-9]{1,4})([mhd])", since)
    if parts is None:
        give_up(f"--since {since}: say it as 10m, 2h or 1d", USAGE)
    return datetime.now(UTC) - timedelta(**{_UNITS[parts[2]]: int(parts[1])})


def _show(found: Found) -> None:
    about = (found.kind, found.label, found.agent_id, found.session_id, ago(found.at))
    say("  ".join(line(each) for each in about if each))
    shown = "".join(
        # The mark is ours, so it is put on after the text was cleaned.
        typer.style(clean(part.text), bold=True) if part.is_match else clean(part.text)
        for part in found.excerpt
    )
    typer.echo(f"  {' '.join(shown.split())}")
