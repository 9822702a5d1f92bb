from rest_framework.routers import SimpleRouter

from projects.views.projects import Projects

router = SimpleRouter(trailing_slash=False)
router.register("projects", Projects, basename="project")

urlpatterns = router.urls
