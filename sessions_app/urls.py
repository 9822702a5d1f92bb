from rest_framework.routers import SimpleRouter

from sessions_app.views.sessions import Sessions

router = SimpleRouter(trailing_slash=False)
router.register("sessions", Sessions, basename="session")

urlpatterns = router.urls
