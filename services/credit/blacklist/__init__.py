"""The blacklist: entries that sanctions make, each with a term."""
