"""Appeals: filed by the person concerned, decided by somebody without a part in the sanction."""
