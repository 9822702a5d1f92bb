from django.db import migrations

from dcm.lib.migrations import text_index


class Migration(migrations.Migration):
    dependencies = [("projects", "0003_action_compression")]

    operations = [
        text_index("request_words", table="projects_request", text="prompt", most=20_000),
        text_index("subtask_words", table="projects_subtask", text="description", most=20_000),
        text_index("action_words", table="projects_action", text="input", most=2_000),
    ]
