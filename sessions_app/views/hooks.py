"""Where agent hosts send their hook events. Contract: integrations 1."""

from django.http import HttpRequest, HttpResponse

from dcm.lib.api import hot_view, json_response
from dcm.lib.threads import in_thread
from projects.services.actions import recorder
from realtime import read_your_writes
from sessions_app.hook_events import read_hook_event
from sessions_app.services.hooks import finished_call, take_event

FINISHED_CALLS = frozenset({"PostToolUse", "PostToolUseFailure"})


@hot_view(failure="Failed to take hook event", method="POST")
async def claude_code(request: HttpRequest) -> HttpResponse:
    """Takes any event of the host as it is and answers in the host's own hook-output format."""
    event = read_hook_event(request.body)
    if event.name not in FINISHED_CALLS:
        return json_response(await in_thread(take_event, event))
    action = await in_thread(finished_call, event)
    if action is not None:
        read_your_writes.note((await recorder.submit(action)).seq)
    return json_response({})
