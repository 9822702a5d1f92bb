"""Ids that others made are parameters: as a part of the path a browser would take `..` away."""

from django.urls import path

from dcm.dashboard.views import overview, search

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("activity", overview.activity, name="activity"),
    path("search", search.results, name="search"),
]
