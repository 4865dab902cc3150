"""One benchmark a module: `NAME`, `TITLE` and `run(session) -> list of Row`."""
