"""Ids that others made are parameters: as a part of the path a browser would take `..` away."""

from django.urls import path

from dcm.dashboard.views import (
    agents,
    coordination,
    messages,
    overview,
    projects,
    routing,
    search,
    sessions,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("activity", overview.activity, name="activity"),
    path("projects", projects.projects, name="projects"),
    path("projects/<str:project_id>", projects.project, name="project"),
    path("projects/requests/<str:request_id>", projects.waves, name="waves"),
    path("projects/waves/<str:task_id>", projects.subtasks, name="subtasks"),
    path("projects/subtasks/<str:subtask_id>", projects.calls, name="subtask-calls"),
    path("sessions", sessions.sessions, name="sessions"),
    path("sessions/one", sessions.session, name="session"),
    path("sessions/brief", sessions.brief, name="brief"),
    path("actions/<str:action_id>", sessions.action, name="action"),
    path("agents", agents.agents, name="agents"),
    path("agents/one", agents.agent, name="agent"),
    path("agents/end-block", agents.end_block, name="end-block"),
    path("messages", messages.messages, name="messages"),
    path("messages/compose", messages.compose, name="compose"),
    path("coordination", coordination.coordination, name="coordination"),
    path("coordination/answer", coordination.answer, name="answer"),
    path("routing", routing.routing, name="routing"),
    path("routing/feedback", routing.feedback, name="feedback"),
    path("search", search.results, name="search"),
]
