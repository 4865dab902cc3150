"""Run by pvbatch in the place of render_state.py: the same, with the time of each step written down.

It loads the real script as a module, wraps its functions and the steps of a pull, and calls its main function.
"""

import time

STARTED = time.time()
# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # noqa: E402, F401, isort: skip

IMPORTED = time.time()

import functools  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

spans = [["import of paraview.simple", STARTED, IMPORTED]]


def timed(owner, name, label):
    """Write down when each call of a function begins and ends."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def wrapper(*arguments, **keywords):
        began = time.time()
        try:
            return function(*arguments, **keywords)
        finally:
            spans.append([label, began, time.time()])

    setattr(owner, name, wrapper)


def main():
    """Run the real script, timed."""
    path = os.environ["PVBENCH_SCRIPT"]
    specification = importlib.util.spec_from_file_location("render_state", path)
    render_state = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(render_state)
    for name in ("load", "update", "save", "finish"):
        timed(render_state, name, name)
    began = time.time()
    from pvdask.cluster import Cluster

    spans.append(["import of pvdask", began, time.time()])
    for name in ("__enter__", "look_up", "convert"):
        timed(Cluster, name, name)
    try:
        render_state.main(sys.argv[1])
    finally:
        with open(os.environ["PVBENCH_SPANS"], "w", encoding="utf-8") as file:
            json.dump({"spans": spans, "ended": time.time()}, file)


main()
