"""Policy packs: the caps, points, terms and windows that the services apply, each citing the article it serves."""

from policies.loader import PackError, fault, load
from policies.pack import Pack

__all__ = ["Pack", "PackError", "fault", "load"]
