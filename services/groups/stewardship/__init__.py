"""The duty of owners: notices, cures, and the ledger of both."""
