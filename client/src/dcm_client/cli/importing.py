"""`dcm import`: what Claude Code recorded before there was a server."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from dcm_client.cli.options import Json, Url, server
from dcm_client.cli.terminal import complain, give_up, say, show_json
from dcm_client.cli.transcripts import Transcript, projects_folder, transcripts
from dcm_client.errors import RequestRefused
from dcm_client.hook_event import to_line
from dcm_client.rest import DCMClient

LIVE_SECONDS = 600  # a session whose record grew this lately may still be under way


def import_transcripts(
    folder: Annotated[
        Path | None,
        typer.Argument(help="By default ~/.claude/projects.", file_okay=False),
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Only of folders with this in their name.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many sessions.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="From the beginning; what is there stays as it is.")
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Bring the sessions that Claude Code recorded into the work tree.

    Secrets are taken out before anything is sent. Interrupted, it goes on where it was; what the
    server has already stays as it is.
    """
    folder = folder or projects_folder()
    if not folder.is_dir():
        give_up(f"{folder} is not there: name the folder of the transcripts")
    chosen = [path for path in transcripts(folder) if (project or "") in path.parent.name][:limit]
    totals = {"sessions": 0, "events": 0, "refused": 0}
    with server(url) as dcm:
        progress = Progress(dcm.url, forget=again)
        with _bar(sum(path.stat().st_size for path in chosen), hidden=as_json) as advance:
            for path in chosen:
                _import(dcm, path, progress, totals, advance)
    if as_json:
        show_json(totals)
    else:
        say(f"Imported {totals['events']} events of {totals['sessions']} sessions")
    if totals["refused"]:
        complain(f"the server refused {totals['refused']} events")


def _import(
    dcm: DCMClient,
    path: Path,
    progress: "Progress",
    totals: dict[str, int],
    advance: Callable[[int], None],
) -> None:
    done = progress.of(path)
    if done == path.stat().st_size:
        advance(done)
        return
    # From the beginning, in any case: calls and their results may lie on both sides of the place.
    transcript = Transcript(path)
    sender = Sender(dcm, totals, knows_prompts=done == 0)
    shown = 0
    try:
        for event in transcript.events():
            if transcript.position >= done:
                sender.send(event)
            advance(transcript.position - shown)
            shown = transcript.position
        if transcript.session_id and time.time() - path.stat().st_mtime > LIVE_SECONDS:
            sender.send(transcript.end())
        advance(path.stat().st_size - shown)
        totals["sessions"] += 1
    finally:
        progress.note(path, transcript.position)


class Sender:
    """Sends events without their secrets, and counts.

    knows_prompts: a session that was recorded live may have the prompts under other ids; those of
    the same words are not sent.
    """

    def __init__(self, dcm: DCMClient, totals: dict[str, int], *, knows_prompts: bool) -> None:
        self._dcm = dcm
        self._totals = totals
        self._prompts: set[str] | None = None if knows_prompts else set()

    def send(self, event: dict[str, Any]) -> None:
        is_redacted = os.environ.get("DCM_REDACT", "").lower() != "off"
        event = json.loads(to_line(event, redacted=is_redacted))
        if event.get("prompt") in self._known(event["session_id"]):
            return
        try:
            self._dcm.send_hook_event(event)
        except RequestRefused as error:
            if error.status not in (400, 413):
                raise
            self._totals["refused"] += 1
        else:
            self._totals["events"] += 1

    def _known(self, session_id: str) -> set[str]:
        """The prompts that the session had when this began."""
        if self._prompts is None:
            requests = self._dcm.list_requests(session_id=session_id)
            self._prompts = {request.prompt for request in requests}
        return self._prompts


def _bar(size: int, *, hidden: bool) -> Any:
    """A context manager that gives a function to tell how many bytes are done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    class Bar(Progress):
        def __enter__(self) -> Any:
            super().__enter__()
            task = self.add_task("", total=size)
            return lambda done: self.advance(task, done)

    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    is_seen = sys.stderr.isatty() and not hidden
    return Bar(*columns, console=Console(stderr=True), disable=not is_seen, transient=True)


class Progress:
    """How far each transcript was brought to this server, kept over runs."""

    def __init__(self, url: str, *, forget: bool) -> None:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        self._file = Path(state) / "dcm/imported.json"
        self._url = url
        self._places = {} if forget else self._load().get(url, {})

    def of(self, path: Path) -> int:
        """How many bytes of it were brought; 0 when it is shorter now: then it is another."""
        place = self._places.get(str(path.absolute()), 0)
        return place if isinstance(place, int) and place <= path.stat().st_size else 0

    def note(self, path: Path, position: int) -> None:
        self._places[str(path.absolute())] = position
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._file.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps({**self._load(), self._url: self._places}))
            temporary.replace(self._file)
        except OSError as error:
            complain(f"how far it came cannot be kept ({error.strerror}); importing again is safe")

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            loaded = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return loaded if isinstance(loaded, dict) else {}
