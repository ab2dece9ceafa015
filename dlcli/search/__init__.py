"""Search for the inputs whose predictions come nearest to what is wanted."""
