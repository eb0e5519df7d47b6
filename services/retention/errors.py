"""What stops the retention service: it never goes on over damage or a second history."""


class DamagedError(Exception):
    """Bytes on disk are not what was written there. The text names the file, and never what it holds."""


class ForkedError(Exception):
    """The log has, or would get, a second history; or what belongs to it was lost or replaced. The text says which."""
