"""What an operator publishes: the transparency report, and statements for the EU's database."""
