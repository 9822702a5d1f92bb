from django.db import migrations

from dcm.lib.migrations import text_index


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0004_tool_start_subagent")]

    operations = [
        text_index(
            "context_words", table="sessions_app_contextentry", text="key || ' ' || value",
            most=20_000,
        ),
        text_index(
            "question_words", table="sessions_app_question", text="question", most=20_000
        ),
        text_index("answer_words", table="sessions_app_answer", text="answer", most=20_000),
        text_index(
            "decision_words", table="sessions_app_decision",
            text="decision || ' ' || coalesce(rationale, '')", most=20_000,
        ),
    ]
