"""Floor 0: the rules. Standard library only; time, entropy and IO come in as arguments."""
