"""What a command tells instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """Something about the files or the data that a person can mend; exit status 1."""

    status = 1


class UsageError(CommandError):
    """A command line that asks for what is not there; exit status 2."""

    status = 2
