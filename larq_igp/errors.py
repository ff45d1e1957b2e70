"""Errors that are the user's to mend:

one clear sentence, shown without a traceback by the command line.
"""


class UserError(Exception):
    """Something asked for cannot be done; the message says what was wrong and what to do.

    Attributes:
        fields: of a recipe that the message is about, if it is about some.
    """

    fields: tuple[str, ...] = ()
