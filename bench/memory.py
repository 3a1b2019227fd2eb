"""How much memory this process has, and what it is made of."""

from collections import Counter
import ctypes
import gc
from pathlib import Path
import resource
import sys
import weakref


def resident_kib() -> int:
    """Return the resident memory in KiB, with what is free given back first.

    Without that, the figure depends on what was last in use. Where the system does
    not tell the present size (not Linux), it is the greatest so far.
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except AttributeError, OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize() // 1024


def blocks() -> int:
    """Return how many blocks Python has allocated for its objects.

    One string, one dict entry's key or one integer more is one block more: this is
    exact where the resident memory is not.
    """
    gc.collect()
    return sys.getallocatedblocks()


def census() -> Counter[str]:
    """Return how many objects there are of each type, as the collector knows them."""
    gc.collect()
    return Counter(_name(each) for each in gc.get_objects())


def _name(each: object) -> str:
    if isinstance(each, weakref.ReferenceType):
        return f"weak reference to {_name(each())}"
    return f"{type(each).__module__}.{type(each).__qualname__}"
