"""API keys: who calls, and what that caller may reach."""
