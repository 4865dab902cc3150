"""The ``pvdask`` command, and ``python -m pvdask``: Ctrl-C ends it without a word until there is something to clean up."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run one command.

    Returns
    -------
    int
        See `pvdask.cli.main`.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored, as in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pvdask import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
