"""The record of what people and their keys did to the server itself. Decision 0017."""
