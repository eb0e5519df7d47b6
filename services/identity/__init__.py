"""Whether a holder stands behind a nickname, without showing who."""
