"""Routes of the coordinator below a session, whose id is any text, also one with slashes.

A key may have slashes, too: of `a/context/b/context/c` the session is `a`. These routes come before
the session's own, which would take them for longer ids.
"""

from django.urls import path, re_path

from sessions_app.views import coordinator

urlpatterns = [
    re_path(
        r"^sessions/(?P<session_id>(?s:.+?))/context/(?P<key>(?s:.+))$",
        coordinator.OneEntry.as_view(),
    ),
    path("sessions/<text:session_id>/context", coordinator.Context.as_view()),
    path("sessions/<text:session_id>/agents", coordinator.Agents.as_view()),
    path("sessions/<text:session_id>/agents/<str:agent_id>", coordinator.OneAgent.as_view()),
    path("sessions/<text:session_id>/questions", coordinator.Questions.as_view()),
    path(
        "sessions/<text:session_id>/questions/<str:question_id>/answer",
        coordinator.Answering.as_view(),
    ),
    path("sessions/<text:session_id>/decisions", coordinator.Decisions.as_view()),
]
