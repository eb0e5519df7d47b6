"""The `ombud` command: start the suite, see what it does, prove what it did."""
