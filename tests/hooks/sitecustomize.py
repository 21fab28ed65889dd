"""For tests, on PYTHONPATH: IMPATIENT makes all waiting short; PICKLE_NOTES is a file that notes what is unpickled.

An object of some class that is unpickled is how pickled files run code.
"""

import os
import sys
import time

if "IMPATIENT" in os.environ:
    _sleep = time.sleep
    time.sleep = lambda seconds: _sleep(min(seconds, 0.01))


def _note(event: str, arguments: tuple) -> None:
    if event == "pickle.find_class":
        with open(os.environ["PICKLE_NOTES"], "a", encoding="utf-8") as notes:  # noqa: PTH123 (nothing more imported)
            notes.write(f"{sys.argv[:1]} {arguments}\n")


if "PICKLE_NOTES" in os.environ:
    sys.addaudithook(_note)
