"""Run by pvbatch: this project's source does the steps of a job, one after another."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rank_tools


def pull(source, step):
    """Update; ``refresh``: as after the Refresh button; ``dataset`` and ``columns``: change these first."""
    if step.get("refresh"):
        source.SMProxy.InvokeCommand("Refresh")
    if "dataset" in step:
        source.Dataset = step["dataset"]
    result = rank_tools.update(source, step.get("columns"))
    if step.get("memory"):
        result["memory_bytes"] = rank_tools.memory_bytes(source)
    return result


def main():
    """Do each step and keep what it gave; the first pull makes the source, and its time counts."""
    job = rank_tools.read_job()
    source = None
    results = []
    for step in job["steps"]:
        started = time.perf_counter()
        if step["do"] == "pull":
            # Making it looks at what is published already.
            source = source or rank_tools.make_source(simple, job)
            result = pull(source, step)
            # All that the user waits for, the look at what is published included.
            results.append({**step, **result, "seconds": time.perf_counter() - started})
        elif step["do"] == "mark":
            rank_tools.mark(job, step["label"])
        else:
            results.append({**step, "answers": rank_tools.on_every_rank(simple, job, step["do"])})
    rank_tools.finish(job, {"results": results})


main()
