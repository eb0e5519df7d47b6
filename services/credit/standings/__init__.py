"""Standing: what a subject may do, as a pure function of the ledger and an instant."""
