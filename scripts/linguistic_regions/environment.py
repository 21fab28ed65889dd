"""Environment variables of the programs that compute. Standard library only."""

# glibc: large tensors come from the heap, which keeps its pages, not from fresh mappings that fault each page in anew:
# that costs more than a fifth of the time of training on a CPU.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": f"{2**34}", "MALLOC_TOP_PAD_": f"{2**26}"}
