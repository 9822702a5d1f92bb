from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_initial")]

    operations = [
        migrations.RunSQL(
            ["INSERT INTO keys_keyring (id, version) VALUES (1, 0)"], ["DELETE FROM keys_keyring"]
        ),
    ]
