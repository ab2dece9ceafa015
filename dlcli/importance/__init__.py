"""Which inputs a network's predictions rest on, and how they answer to each."""
