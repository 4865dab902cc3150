"""Load a .pvsm state and save it as a Python state (run by pvbatch on one rank): save_python_state.py IN.pvsm OUT.py."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys

simple.LoadState(sys.argv[1])
simple.SaveState(sys.argv[2])
