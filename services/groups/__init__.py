"""The groups service: who answers for a group, what an account may do in it, and whether a complaint was answered."""
