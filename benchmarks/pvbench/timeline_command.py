"""`pvdask`, with the script that pvbatch runs replaced by the timed one, and the moment pvbatch is started written down."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from pvdask import cli, rendering
from pvdask.launch import Stack


def main() -> int:
    """Run the command line of pvdask."""
    os.environ["PVBENCH_SCRIPT"] = str(rendering.SCRIPT)
    rendering.SCRIPT = Path(os.environ["PVBENCH_TIMELINE"])
    original = Stack.run_batch

    def run_batch(self: Stack, *arguments: Any, **keywords: Any) -> Any:
        started = {"batch": time.time()}
        Path(os.environ["PVBENCH_SPANS"] + ".command").write_text(json.dumps(started), encoding="utf-8")
        return original(self, *arguments, **keywords)

    Stack.run_batch = run_batch  # type: ignore[method-assign]
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
