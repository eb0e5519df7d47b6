"""What the four services share: server, database, change feed, audit, identity of callers. No business words."""
