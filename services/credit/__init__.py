"""Standing of accounts and groups: sanctions with their reasons, appeals, the blacklist, referrals, policies."""
