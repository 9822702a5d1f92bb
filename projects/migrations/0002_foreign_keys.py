from django.db import migrations

from dcm.lib.migrations import foreign_key


class Migration(migrations.Migration):
    dependencies = [("projects", "0001_initial")]

    operations = [
        foreign_key(
            "request_project_fk", table="projects_request", column="project_id",
            to="projects_project", on_delete="CASCADE",
        ),
        foreign_key(
            "task_request_fk", table="projects_task", column="request_id",
            to="projects_request", on_delete="CASCADE",
        ),
        foreign_key(
            "subtask_task_fk", table="projects_subtask", column="task_id",
            to="projects_task", on_delete="CASCADE",
        ),
        foreign_key(
            "action_subtask_fk", table="projects_action", column="subtask_id",
            to="projects_subtask", on_delete="CASCADE",
        ),
    ]
