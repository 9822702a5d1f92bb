"""Options that several commands have, and what they mean when they are not given."""

import contextlib
import getpass
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer

from dcm_client.cli.terminal import NO_KEY, NO_SERVER, PROBLEM, give_up
from dcm_client.errors import ConnectionFailed, DCMError, NotAuthorized, NotFound, Overloaded
from dcm_client.rest import DCMClient
from dcm_client.results import Project

Url = Annotated[
    str | None, typer.Option("--url", help="The server; also DCM_URL.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Session = Annotated[
    str | None,
    typer.Option(
        help="The session; else DCM_SESSION_ID, the session of the agent host, or the latest one "
        "of this folder.",
        show_default=False,
    ),
]
Sender = Annotated[
    str | None,
    typer.Option(
        "--as", help="Who says it; else DCM_AGENT_ID, the host's session, or your user name."
    ),
]


@contextlib.contextmanager
def server(
    url: str | None, *, timeout_seconds: float = 5.0, retries: int = 2
) -> Iterator[DCMClient]:
    """The server, or one clear line and an exit code."""
    with DCMClient(url, timeout_seconds=timeout_seconds, retries=retries) as dcm:
        try:
            yield dcm
        except DCMError as error:
            give_up(explain(error, dcm.url), exit_code(error))


def exit_code(error: DCMError) -> int:
    if isinstance(error, ConnectionFailed | Overloaded):
        return NO_SERVER
    return NO_KEY if isinstance(error, NotAuthorized) else PROBLEM


def explain(error: DCMError, url: str) -> str:
    """What is wrong, and what to do about it."""
    if isinstance(error, ConnectionFailed):
        return _explain_silence(error, url)
    if isinstance(error, NotAuthorized):
        return f"{url} wants another key ({error}): set DCM_TOKEN to one that it knows"
    if isinstance(error, Overloaded):
        return f"{url} cannot answer now ({error}): its database may be away; try again later"
    return str(error)


def _explain_silence(error: ConnectionFailed, url: str) -> str:
    cause = error.__cause__
    elsewhere = "set DCM_URL or --url if it is elsewhere"
    if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout):
        return f"no DCM server at {url} ({cause}): start one with `manage.py serve`, or {elsewhere}"
    if isinstance(cause, httpx.TimeoutException):
        return f"{url} took the call but does not answer: look at the server's log, or restart it"
    if isinstance(cause, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return f"{url} is no address of a server: {elsewhere}"
    if isinstance(cause, httpx.TransportError):
        return f"{url} dropped the connection ({cause}): is it a DCM server? {elsewhere}"
    return f"something that is not DCM answers at {url} ({error}): {elsewhere}"


def own_session() -> str | None:
    """The session that this runs in, when an agent runs it."""
    names = ("DCM_SESSION_ID", "CLAUDE_CODE_SESSION_ID", "CLAUDE_SESSION_ID")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def the_session(dcm: DCMClient, given: str | None) -> str:
    """The one that is given or ours, else the latest of this folder, or of one above it."""
    if found := given or own_session():
        return found
    for project in projects_around(dcm):
        latest = next(iter(dcm.list_sessions(project_id=project.id, limit=1)), None)
        if latest is not None:
            return latest.id
    return give_up(f"no session was ever recorded in {Path.cwd()}: name one with --session")


def projects_around(dcm: DCMClient) -> Iterator[Project]:
    """The project of this folder, then those of folders above it."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        with contextlib.suppress(NotFound):
            yield dcm.get_project_by_path(str(folder))


def the_sender(given: str | None) -> str:
    return given or os.environ.get("DCM_AGENT_ID") or own_session() or getpass.getuser()
