"""From Home Assistant to the planner and back: what is wished, and what is planned.

`steering` has a charger do it, and `fuse` keeps it below the fuses; nothing else here
sends anything to one.
"""

from .asked import Asked
from .connector_plan import ConnectorPlan
from .happenings import Happened, Happening
from .need import Need, NeedSource
from .planning import Planning
from .wishes import Mode, Wishes

__all__ = [
    "Asked",
    "ConnectorPlan",
    "Happened",
    "Happening",
    "Mode",
    "Need",
    "NeedSource",
    "Planning",
    "Wishes",
]
