"""Run by pvbatch: this project's source does the steps of a job, one after another."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rank_tools


def pull(source, job, step):
    """Update; ``refresh``: as after the Refresh button; ``dataset`` and ``columns``: change these first."""
    if step.get("refresh"):
        source.SMProxy.InvokeCommand("Refresh")
    if "dataset" in step:
        source.Dataset = step["dataset"]
    started = time.perf_counter()
    result = rank_tools.update(source, step.get("columns"))
    # All that the user waits for, the look at what is published included.
    result["seconds"] = time.perf_counter() - started
    if step.get("memory"):
        result["memory_bytes"] = rank_tools.memory_bytes(source)
    return result


def main():
    """Do each step and keep what it gave."""
    job = rank_tools.read_job()
    source = rank_tools.make_source(simple, job)
    results = []
    for step in job["steps"]:
        if step["do"] == "pull":
            results.append({**step, **pull(source, job, step)})
        elif step["do"] == "mark":
            rank_tools.mark(job, step["label"])
        else:
            results.append({**step, "answers": rank_tools.on_every_rank(simple, job, step["do"])})
    rank_tools.finish(job, {"results": results})


main()
