from django.urls import path
from rest_framework.routers import SimpleRouter

from dcm.lib.api import by_method
from projects.views import actions, claims, leases, projects, requests, subtasks, tasks

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("requests", requests.Requests, basename="request")
router.register("tasks", tasks.Tasks, basename="task")
router.register("subtasks", subtasks.Subtasks, basename="subtask")
router.register("claims", claims.Claims, basename="claim")
router.register("leases", leases.Leases, basename="lease")

urlpatterns = [
    path(
        "projects",
        by_method(post=projects.post_project, get=projects.Projects.as_view({"get": "list"})),
    ),
    path("actions", by_method(post=actions.record_action, get=actions.list_actions)),
    path("actions/batch", actions.record_batch),
    path("actions/hourly", actions.count_actions_by_hour),
    path("actions/by-session/<text:session_id>", actions.ActionsOfSession.as_view()),
    path("actions/<str:action_id>", actions.OneAction.as_view()),
    path("hierarchy/<str:project_id>", projects.project_tree),
    path("leases/check", leases.LeaseCheck.as_view()),
    path("leases/mode/<str:project_id>", leases.LeaseMode.as_view()),
    path("active-sessions", projects.list_active_agents),
    path("projects/by-path", projects.show_project_of_path),
    path(
        "projects/<str:pk>",
        by_method(
            get=projects.show_project, delete=projects.Projects.as_view({"delete": "destroy"})
        ),
    ),
    *router.urls,
]
