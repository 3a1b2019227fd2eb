"""What of the sun to come is left when the house's battery has had its part."""

from ..charging.series import Interval, Series
from ..charging.surplus import SolarRules


def after_battery(
    left: Series, rules: SolarRules, *, battery_kwh: float | None, soc: float | None
) -> Series:
    """Return the sun for cars, in W and not below 0.

    `left` is the roof's power less the house's need; below 0 the battery gives, as far
    as it can. `soc` is its charge now, in %; where that is not known it is taken for
    empty. Without `battery_kwh` it isn't known when it has enough: then only what is
    reserved for it is taken off, all the time.
    """
    if battery_kwh is None:
        return left.map(lambda watts: max(0.0, watts - rules.battery_reserve_w))
    stored_wh = (soc or 0.0) * battery_kwh * 10
    first_wh = (rules.battery_first_soc or 0.0) * battery_kwh * 10
    full_wh = rules.battery_full_soc * battery_kwh * 10
    found: list[Interval] = []
    for item in left:
        hours, watts = item.hours, max(0.0, item.value)
        if item.value < 0:
            stored_wh = max(0.0, stored_wh + item.value * hours)
        first_w = min(watts, max(0.0, first_wh - stored_wh) / hours)
        stored_wh += first_w * hours
        room_w = max(0.0, full_wh - stored_wh) / hours
        # What it had first is a part of what is reserved for it.
        reserve_w = max(0.0, rules.battery_reserve_w - first_w)
        reserved_w = min(watts - first_w, room_w, reserve_w)
        stored_wh += reserved_w * hours
        value = watts - first_w - reserved_w
        found.append(Interval(start=item.start, end=item.end, value=value))
    return Series(found)
