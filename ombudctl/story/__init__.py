"""`ombud demo`: the whole story, played on a chat log through the real API, and proved."""

from ombudctl.story.play import run

__all__ = ["run"]
