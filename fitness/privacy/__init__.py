"""Forget a person, check that nothing of them is left, and export what is held on them."""
