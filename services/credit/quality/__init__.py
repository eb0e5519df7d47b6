"""Second looks at decided appeals."""
