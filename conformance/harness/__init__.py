"""What every suite stands on: a server of its own, the real clients, and tests named as sentences."""
