"""Benchmark the steps against reference implementations and hardware limits.

    python benchmarks/run.py                        all benchmarks
    python benchmarks/run.py selection freezing     some benchmarks
    python benchmarks/run.py --model results/demo/models/base importance removal freezing     your own model
    python benchmarks/run.py --as-is selection      with the current environment, not the workflow's

Each benchmark prints its rows of the table in docs/performance.md.
"""

import importlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "scripts"))

from linguistic_regions.runtime.environment import MALLOC  # noqa: E402 (needs the line above)

BENCHMARKS = ["tokenizing", "importance", "selection", "removal", "scoring", "freezing"]


def main(names: list[str]) -> None:
    """Measure and print the table, row by row."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"run.py: error: unknown benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}")
    print("| what | ours | reference | ratio | limit |\n| --- | --- | --- | --: | --- |", flush=True)
    for name in names or BENCHMARKS:
        for row in importlib.import_module(name).rows():
            ratio = f"{row.ratio:.2f}" if row.ratio < 1000 else f"{row.ratio:.0e}"
            print(f"| {row.what} | {row.ours} | {row.reference} | {ratio} | {row.limit} |", flush=True)


if __name__ == "__main__":
    as_is = "--as-is" in sys.argv
    if "--model" in sys.argv:
        index = sys.argv.index("--model")
        os.environ["BENCHMARK_MODEL"] = sys.argv[index + 1]
        del sys.argv[index : index + 2]
    if not as_is and not MALLOC.items() <= os.environ.items():  # these are read at process start
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MALLOC)
    main([name for name in sys.argv[1:] if name != "--as-is"])
