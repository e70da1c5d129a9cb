"""Training as plain generators over a state. Prints nothing, writes nothing unless asked, knows no browser."""
