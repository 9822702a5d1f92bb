from django.urls import path

from routing import views

urlpatterns = [
    path("routing/suggest", views.suggest),
    path("routing/stats", views.Stats.as_view()),
    path("routing/feedback", views.Feedback.as_view()),
]
