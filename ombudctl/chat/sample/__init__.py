"""A made-up channel, for where no log is at hand."""
