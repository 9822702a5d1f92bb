from django.urls import path

from dcm.dashboard import views

urlpatterns = [
    path("", views.overview, name="overview"),
]
