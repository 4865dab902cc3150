"""The errors this package raises: one base, and a handful of subclasses that carry what a caller may want to act on.

Every message is one sentence or two for a person: what was found, what was expected, what to do about it.
"""

from __future__ import annotations


class PvdaskError(Exception):
    """Base of every error raised on purpose by this package; ``str(error)`` is shown to the user as it is.

    Parameters
    ----------
    message : str
        For a person. What a terminal would act upon, in names that are quoted from data, is kept as an escape.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Write control characters, and those that turn the direction of writing, as escapes; a line may end.

    Parameters
    ----------
    text : str
        Such as a column's name, which anybody may have chosen.

    Returns
    -------
    str
        That nothing but shows something.
    """
    if text.isprintable():
        return text
    kept = (each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in text)
    return "".join(kept)


class OptionError(PvdaskError):
    """A property of the source or an option of a command holds a value that cannot be used.

    Parameters
    ----------
    name : str
        Property or option, as the user sees it.
    message : str
        What was found, what was expected and what to do.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


class SetupError(PvdaskError):
    """The machine lacks something: ParaView, MPI, a package, a free port, an OpenGL renderer."""


class InputError(PvdaskError):
    """A file given by the user is missing, unreadable or not what it has to be."""


class ClusterError(PvdaskError):
    """The Dask cluster cannot be reached, was lost, or failed at what it was asked to do."""


class DeadlineError(ClusterError):
    """The cluster did not answer in time.

    Parameters
    ----------
    step : str
        What was being waited for, as a clause: ``"connecting to tcp://127.0.0.1:8786"``.
    timeout_s : float
        The time that was given, in seconds.
    reason : str, optional
        Why, and what to do, where that is known: whole sentences.
    """

    def __init__(self, step: str, timeout_s: float, reason: str = "") -> None:
        advice = "See that the cluster is up and not overloaded, or give it more time (Timeout)."
        super().__init__(f"Timeout of {timeout_s:g} s ended while {step}. {reason or advice}")
        self.step = step
        self.timeout_s = timeout_s


class DatasetError(PvdaskError):
    """The named dataset is not published, or is not a DataFrame."""


class ColumnError(PvdaskError):
    """A named column is missing, or its type cannot be used for what was asked.

    Parameters
    ----------
    message : str
        What was found, what was expected and what to do.
    columns : sequence of str
        The columns at fault.
    """

    def __init__(self, message: str, columns: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.columns = columns


class ExpressionError(PvdaskError):
    """A filter expression is not one that this package runs.

    Parameters
    ----------
    message : str
        What is wrong, and what is allowed there.
    text : str
        The whole expression.
    position : int
        Zero-based index into `text` of the character at fault.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        pointer = " " * position + "^"
        super().__init__(f"Filter: {message} (character {position + 1})\n  {text}\n  {pointer}")
        self.text = text
        self.position = position


class SceneError(PvdaskError):
    """A scene cannot be shown, or cannot be changed as it was asked to; what was shown before stays."""


class SceneLostError(SceneError):
    """The processes that a scene lives in (pvserver, its client) ended; a new scene can be made."""


class CapacityError(PvdaskError):
    """A pull would not fit into the memory of a rank.

    Parameters
    ----------
    message : str
        The sizes, and the fraction that would fit.
    needed_bytes, available_bytes : int
        What the rank would need and what it has.
    """

    def __init__(self, message: str, needed_bytes: int, available_bytes: int) -> None:
        super().__init__(message)
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes
