"""For tests of what waits and tries again: no wait takes longer than a moment."""

import time

_sleep = time.sleep
time.sleep = lambda seconds: _sleep(min(seconds, 0.01))
