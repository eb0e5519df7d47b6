"""The vault: names and numbers, sealed holder by holder."""
