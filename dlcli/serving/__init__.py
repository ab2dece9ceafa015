"""A run behind HTTP: its predictions, a page to try them on, and what monitors ask for."""
