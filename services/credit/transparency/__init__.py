"""What the public is told: figures, and statements of reasons for the EU's database."""
