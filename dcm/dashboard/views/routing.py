from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from dcm.dashboard.drawing.heat import heat
from dcm.dashboard.pages import change, done, page, show
from dcm.dashboard.selectors import routing as selectors
from dcm.lib.api import Input, InvalidQuery, Query, Text
from routing.keywords import extract_keywords
from routing.selectors import suggest_tools
from routing.services import give_feedback

LONGEST_TEXT = 2_000
SUGGESTIONS = 8


class FeedbackForm(Input):
    tool = Text()
    text = Text(max_length=LONGEST_TEXT)
    chosen = Text(choices=["yes", "no"])


@page
def routing(request: HttpRequest) -> HttpResponse:
    """The scores as a map; with `text` what would be suggested for it, and why."""
    text = Query(request.GET).text("text") or ""
    if len(text) > LONGEST_TEXT:
        raise InvalidQuery({"text": [f"Must have at most {LONGEST_TEXT} characters"]})
    keywords = extract_keywords(text)
    suggested = suggest_tools(keywords=keywords, limit=SUGGESTIONS)
    reasons = selectors.reasons(keywords, [each["tool_name"] for each in suggested])
    shown = {
        "text": text,
        "keywords": keywords,
        "suggestions": [each | {"reasons": reasons[each["tool_name"]]} for each in suggested],
        "heat": heat(selectors.scores()),
    }
    return show(request, "routing.html", shown)


@change("routing.change_keywordtoolscore")
def feedback(request: HttpRequest) -> HttpResponse:
    """The suggestion was good, or it was not."""
    form: dict[str, Any] = FeedbackForm.read(request.POST.dict())
    chosen = form["chosen"] == "yes"
    adjustment = give_feedback(
        tool_name=form["tool"], keywords=extract_keywords(form["text"]), chosen=chosen
    )
    back = f"{reverse('routing')}?{urlencode({'text': form['text']})}"
    return done(request, back, f"{adjustment:+.1f} for each keyword")
