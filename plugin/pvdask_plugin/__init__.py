"""The part of the plugin that talks to VTK: thin algorithms over `pvdask`, one a file."""
