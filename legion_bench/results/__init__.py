"""Results: run folders and what they depend on."""
