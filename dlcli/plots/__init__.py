"""Pictures of tables and of runs, drawn by matplotlib."""
