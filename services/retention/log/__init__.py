"""The tamper-evident log: an RFC 6962 tree, its signed checkpoints and its proofs."""
