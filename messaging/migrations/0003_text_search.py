from django.db import migrations

from dcm.lib.migrations import text_index


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_foreign_keys")]

    operations = [
        text_index("message_words", table="messaging_message", text="content::text", most=20_000),
    ]
