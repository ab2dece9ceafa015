"""Train, evaluate and share neural networks on tables from one YAML file."""

__version__ = "0.1.0"
