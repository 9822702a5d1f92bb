"""The work tree in the OpenAPI document, a module per resource."""

from projects.openapi import actions, claims, leases, projects, requests, subtasks, tasks

__all__ = ["actions", "claims", "leases", "projects", "requests", "subtasks", "tasks"]
