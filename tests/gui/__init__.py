"""The real ParaView GUI under Xvfb, driven by real clicks and asked what it shows."""
