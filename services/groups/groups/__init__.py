"""Groups, their codes and caps, and who is in them."""
