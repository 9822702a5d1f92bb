"""What comes in and goes out. Contract: rest 5.2 to 5.6."""

from dcm.lib.api import Input, JsonObject, Output, Text
from projects.models import Project


class ProjectInput(Input):
    path = Text()
    name = Text(required=False, allow_blank=True)
    metadata = JsonObject(required=False)


class ProjectOutput(Output[Project]):
    class Meta:
        model = Project
        fields = ["id", "path", "name", "created_at", "updated_at", "metadata"]
