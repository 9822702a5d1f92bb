from typing import Any

from django.core.management.base import BaseCommand

from sessions_app.services.coordinator import leave_absent_agents


class Command(BaseCommand):
    help = "Take coordinated agents off their lists that nothing was heard of for ten minutes."

    def handle(self, *args: Any, **options: Any) -> None:
        print(f"Pruned {leave_absent_agents()} agents")
