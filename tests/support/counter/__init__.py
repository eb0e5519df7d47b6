"""A service of one table, for the tests of the chassis: counters that can be incremented."""
