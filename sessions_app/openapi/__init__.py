"""Sessions and what belongs to them in the OpenAPI document, a module per resource."""

from sessions_app.openapi import agents, briefs, coordinator, fields, hooks, search, sessions

__all__ = ["agents", "briefs", "coordinator", "fields", "hooks", "search", "sessions"]
