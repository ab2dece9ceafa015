"""Many trainings of one config: its trials, where they are recorded, and what came of them."""
