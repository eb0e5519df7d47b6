"""What accounts may do: the rules, and answers from memory."""
