"""GET /metrics: what this server counts, for Prometheus. docs/operations.md lists the metrics."""
