"""A run of several agents that never were, played to a real server over its public HTTP API."""
