"""Which shape every tensor of a network has, by a table of layers and without Keras."""
