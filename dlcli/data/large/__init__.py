"""Tables larger than memory: read once into columns on disk, fitted there, trained on in blocks."""
