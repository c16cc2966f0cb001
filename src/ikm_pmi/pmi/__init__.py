"""The PMI below what was to be expected: how far, how much of it the rules may explain."""
