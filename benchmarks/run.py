"""How fast the steps are, against plain references and against what bounds them.

    python benchmarks/run.py                        all benchmarks
    python benchmarks/run.py selection freezing     some of them
    python benchmarks/run.py --model results/demo/models/base importance removal freezing     a model of yours
    python benchmarks/run.py --as-is selection      with the environment as it is, not as the workflow sets it

Each prints a line of the table in docs/performance.md when it is measured.
"""

import importlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "scripts"))

from linguistic_regions.runtime.environment import MALLOC  # noqa: E402 (found by the line above)

BENCHMARKS = ["tokenizing", "importance", "selection", "removal", "freezing"]


def main(names: list[str]) -> None:
    """Measure and print the table, row by row."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"run.py: error: no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    print("| what | ours | reference | ratio | limit |\n| --- | --- | --- | --: | --- |", flush=True)
    for name in names or BENCHMARKS:
        for row in importlib.import_module(name).rows():
            ratio = f"{row.ratio:.2f}" if row.ratio < 1000 else f"{row.ratio:.0e}"
            print(f"| {row.what} | {row.ours} | {row.reference} | {ratio} | {row.limit} |", flush=True)


if __name__ == "__main__":
    as_is = "--as-is" in sys.argv
    if "--model" in sys.argv:
        place = sys.argv.index("--model")
        os.environ["BENCHMARK_MODEL"] = sys.argv[place + 1]
        del sys.argv[place : place + 2]
    if not as_is and not MALLOC.items() <= os.environ.items():  # read when a process starts
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MALLOC)
    main([name for name in sys.argv[1:] if name != "--as-is"])
