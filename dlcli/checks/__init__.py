"""What a run's figures must reach, judged and told: tables, JUnit, GitHub's annotations and summary."""
