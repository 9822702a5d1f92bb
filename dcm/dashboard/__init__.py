"""Pages for people: they read selectors, and listen on the native socket like any client."""
