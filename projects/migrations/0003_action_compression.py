from django.db import migrations

# lz4 where the server has it: it packs less tightly than pglz, in less than half the time. A row is packed
# once it is larger than 2 KB, down to 1 KiB.
PACK = """
DO $$ BEGIN
  ALTER TABLE projects_action ALTER COLUMN input SET COMPRESSION lz4;
  ALTER TABLE projects_action ALTER COLUMN output SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
ALTER TABLE projects_action SET (toast_tuple_target = 1024);
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0002_foreign_keys")]

    operations = [migrations.RunSQL(PACK, migrations.RunSQL.noop)]
