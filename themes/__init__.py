"""warmboot themes: colours and layout of the full-screen program, as data."""
