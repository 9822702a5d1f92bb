"""`dcm install`: hooks written into the settings of agent hosts, and taken out again."""
