"""Letters: what people are told after the notice of a sanction, in their language."""
