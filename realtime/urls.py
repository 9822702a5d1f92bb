from django.urls import path

from realtime import views

urlpatterns = [
    path("auth/token", views.Token.as_view()),
    path("events", views.events),
]
