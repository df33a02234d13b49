"""Records to try the project with: an invented gym, and imported FIT files."""
