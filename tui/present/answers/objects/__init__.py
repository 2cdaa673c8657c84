"""The objects that answers are made of; each is declared, and made, in one place."""
