from typing import Any

from django.http import HttpRequest, HttpResponse

from dcm.dashboard.pages import actor, change, done, page, show
from dcm.dashboard.selectors import messages as selectors
from dcm.lib.api import Input, Query, Text
from messaging.models import Topic
from messaging.services.messages import send_message


class ComposeForm(Input):
    to = Text(required=False, allow_blank=True)
    topic = Text(choices=Topic.values)
    priority = Text(choices=[str(number) for number in range(11)], required=False)
    text = Text(max_length=100_000)


@page
def messages(request: HttpRequest) -> HttpResponse:
    query = Query(request.GET)
    topic, agent_id = query.text("topic"), query.text("agent")
    found, cursor = selectors.messages(topic=topic, agent_id=agent_id, cursor=query.text("cursor"))
    shown = {
        "topic": topic,
        "agent_id": agent_id,
        "to": query.text("to"),
        "topics": selectors.topics,
        "messages": found,
        "cursor": cursor,
        "choices": Topic.values,
    }
    return show(request, "messages.html", shown)


@change("messaging.change_message")
def compose(request: HttpRequest) -> HttpResponse:
    form: dict[str, Any] = ComposeForm.read(request.POST.dict())
    sent = send_message(
        from_agent=actor(request),
        to_agent=form.get("to") or None,
        topic=form["topic"],
        priority=int(form.get("priority", 0)),
        content={"message": form["text"]},
    )
    return done(request, "messages", f"Sent to {sent.letter.to_agent or 'everybody'}")
