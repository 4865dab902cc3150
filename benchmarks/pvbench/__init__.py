"""The benchmarks behind `./run bench`: this project against what it takes the place of, side by side in one run."""
