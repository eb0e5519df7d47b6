"""What the service knows from identity and credit, kept by following their feeds."""
