"""Measures dlcli beside Keras, PyTorch and scikit-learn; `python -m benchmarks` prints the tables."""
