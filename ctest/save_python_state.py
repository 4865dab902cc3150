"""Load a .pvsm state and save it as a Python state (run by pvbatch on one rank): save_python_state.py IN.pvsm OUT.py."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys

from paraview import smstate

simple.LoadState(sys.argv[1])
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write(smstate.get_state())
