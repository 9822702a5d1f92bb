"""Where agent hosts send their hook events. Contract: integrations 1."""

from time import perf_counter
from typing import Any

from django.http import HttpRequest, HttpResponse

from dcm.lib import measures
from dcm.lib.api import hot_view, json_response
from dcm.lib.errors import DomainError
from dcm.lib.threads import in_thread
from projects.services.actions import recorder
from realtime import read_your_writes
from sessions_app.hook_events import HookEvent, read_hook_event
from sessions_app.hook_health import note_hook
from sessions_app.services.hooks import after_call, finished_call, take_event
from sessions_app.services.shell_hooks import files_written

FINISHED_CALLS = frozenset({"PostToolUse", "PostToolUseFailure"})


@hot_view(failure="Failed to take hook event", method="POST")
async def claude_code(request: HttpRequest) -> HttpResponse:
    """Takes any event of the host as it is and answers in the host's own hook-output format."""
    began = perf_counter()
    try:
        event = read_hook_event(request.body)
    except DomainError:
        measures.hook_troubles["refused"] += 1
        raise
    try:
        reply = await _answer(event)
    except Exception:
        measures.hook_troubles["failed"] += 1
        raise
    note_hook(event, perf_counter() - began)
    return json_response(reply)


async def _answer(event: HookEvent) -> dict[str, Any]:
    if event.name not in FINISHED_CALLS:
        return await in_thread(take_event, event)
    finished = await in_thread(finished_call, event)
    if finished is None:
        return {}
    read_your_writes.note((await recorder.submit(finished.action)).seq)
    files, attention = files_written(event), finished.attention
    if not files and (attention is None or not attention.is_needed):
        return {}
    return await in_thread(after_call, event, attention, files)
