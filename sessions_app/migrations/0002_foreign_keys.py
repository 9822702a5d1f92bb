from django.db import migrations

from dcm.lib.migrations import foreign_key


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0001_initial"), ("projects", "0002_foreign_keys")]

    operations = [
        foreign_key(
            "session_project_fk", table="sessions_app_session", column="project_id",
            to="projects_project", on_delete="SET NULL",
        ),
        foreign_key(
            "agent_context_project_fk", table="sessions_app_agentcontext", column="project_id",
            to="projects_project", on_delete="CASCADE",
        ),
        migrations.RunSQL(
            "ALTER TABLE sessions_app_toolstart SET UNLOGGED",
            "ALTER TABLE sessions_app_toolstart SET LOGGED",
        ),
    ]
