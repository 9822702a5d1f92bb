"""The tools, a module per subject. Each calls services and selectors, as the REST views do."""
