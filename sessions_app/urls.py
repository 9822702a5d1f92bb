from django.urls import path
from rest_framework.routers import SimpleRouter

from sessions_app.views import agents, context, hooks, search
from sessions_app.views.sessions import Sessions

router = SimpleRouter(trailing_slash=False)
router.register("sessions", Sessions, basename="session")

urlpatterns = [
    path("context/generate", context.Generate.as_view()),
    path("context/<text:agent_id>", context.context),
    path("compact/restore", context.Restore.as_view()),
    path("compact/history/<text:session_id>", context.CompactHistory.as_view()),
    path("compact/status/<text:session_id>", context.CompactStatus.as_view()),
    path("search", search.Search.as_view()),
    path("agents", agents.list_agents),
    path("agents/<text:agent_id>", agents.show_agent),
    path("hooks/claude-code", hooks.claude_code),
    *router.urls,
]
