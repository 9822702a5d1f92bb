from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from dcm.dashboard.pages import page, show
from dcm.dashboard.selectors.search import addressees, in_words
from dcm.lib.api import InvalidQuery, Query
from sessions_app.search import KINDS, Found, Wanted, search

LONGEST_QUERY = 1_000
FOUND = 30


@page
def results(request: HttpRequest) -> HttpResponse:
    query = Query(request.GET)
    text = (query.text("q") or "").strip()
    if len(text) > LONGEST_QUERY:
        raise InvalidQuery({"q": [f"Must have at most {LONGEST_QUERY} characters"]})
    kind = query.choice("kind", "", ["", *KINDS])
    wanted = Wanted(
        text=text,
        kinds=[kind] if kind else list(KINDS),
        session_id=query.text("session"),
        reads_all=True,  # as the page of messages shows them
        limit=FOUND,
        cursor=query.text("cursor"),
    )
    found, cursor = search(wanted) if text else ([], None)
    shown = {
        "q": text,
        "kind": kind,
        "kinds": list(KINDS),
        "found": _shown(found),
        "cursor": cursor,
        "session": wanted.session_id,
    }
    return show(request, "search.html", shown)


def _shown(found: list[Found]) -> list[dict[str, Any]]:
    """Each with its page, and a message with whom it went to."""
    to = addressees([each.id for each in found if each.kind == "message"])
    return [
        {
            "row": each,
            "url": _address(each),
            "to": to.get(each.id),
            "excerpt": in_words(each.excerpt) if each.kind == "message" else each.excerpt,
        }
        for each in found
    ]


def _address(found: Found) -> str | None:
    """The page that shows it in its place."""
    parameters: dict[str, Any] = {}
    if found.kind == "message":
        return f"{reverse('messages')}?{urlencode({'topic': found.label or ''})}"
    if found.session_id is None:
        return None
    name = "coordination" if found.kind in _SHARED else "session"
    parameters["session" if name == "coordination" else "id"] = found.session_id
    return f"{reverse(name)}?{urlencode(parameters)}"


_SHARED = frozenset({"entry", "question", "answer", "decision"})
