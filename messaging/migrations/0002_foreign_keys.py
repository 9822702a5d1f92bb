from django.db import migrations

from dcm.lib.migrations import foreign_key


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("projects", "0002_foreign_keys")]

    operations = [
        foreign_key(
            "message_project_fk", table="messaging_message", column="project_id",
            to="projects_project", on_delete="CASCADE",
        ),
    ]
