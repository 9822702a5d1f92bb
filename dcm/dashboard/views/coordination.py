from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from dcm.dashboard.live import watching
from dcm.dashboard.pages import actor, change, done, page, show
from dcm.dashboard.selectors import coordination as selectors
from dcm.lib.api import Input, Query, Text
from sessions_app.services.coordinator import answer_question


class AnswerForm(Input):
    session = Text()
    question = Text()
    answer = Text()


@page
def coordination(request: HttpRequest) -> HttpResponse:
    """The sessions that coordinate; with `session` what one of them shares, asks and decides."""
    session_id = Query(request.GET).text("session")
    if session_id is None:
        return show(request, "coordination.html", {"sessions": selectors.sessions})
    entries = selectors.entries(session_id)
    # The names that the agents joined with say more than their ids.
    agents = selectors.agents(session_id)
    shown = {
        "session_id": session_id,
        "token": watching(session_id),
        "agents": agents,
        "names": {each["id"]: each["name"] for each in agents},
        "entries": entries,
        "questions": selectors.questions(session_id),
        "decisions": selectors.decisions(session_id),
    }
    return show(request, "coordination/one.html", shown)


@change("sessions_app.change_question")
def answer(request: HttpRequest) -> HttpResponse:
    given: dict[str, Any] = AnswerForm.read(request.POST.dict())
    answer_question(
        session_id=given["session"],
        question_id=given["question"],
        answer=given["answer"],
        agent_id=actor(request),
    )
    back = f"{reverse('coordination')}?{urlencode({'session': given['session']})}"
    return done(request, back, "Answered")
