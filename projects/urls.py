from django.urls import path
from rest_framework.routers import SimpleRouter

from dcm.lib.api import by_method
from projects.views import actions, leases, projects, requests, subtasks, tasks

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("projects", projects.Projects, basename="project")
router.register("requests", requests.Requests, basename="request")
router.register("tasks", tasks.Tasks, basename="task")
router.register("subtasks", subtasks.Subtasks, basename="subtask")
router.register("leases", leases.Leases, basename="lease")

urlpatterns = [
    path("actions", by_method(post=actions.record_action, get=actions.Actions.as_view())),
    path("actions/batch", actions.ActionBatch.as_view()),
    path("actions/hourly", actions.HourlyActions.as_view()),
    path("actions/by-session/<text:session_id>", actions.ActionsOfSession.as_view()),
    path("actions/<str:action_id>", actions.OneAction.as_view()),
    path("hierarchy/<str:project_id>", projects.Hierarchy.as_view()),
    path("leases/mode/<str:project_id>", leases.LeaseMode.as_view()),
    path("active-sessions", projects.ActiveAgents.as_view()),
    *router.urls,
]
