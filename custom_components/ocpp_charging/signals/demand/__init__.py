"""What the grid asks for: a limit in W or a price on top, now and in the days to come.

The sources, of which there may be several:

- something that is on while an event lasts (a relay, a saving session). Where its
  attributes tell when an event begins and ends, that is known ahead;
- a number of watts that may be drawn now, as a grid operator's box tells (German
  section 14a, EEBus LPC);
- a calendar, of which each event counts;
- a sensor that tells when an event begins, beside one that tells when it ends.

Limits of several sources at one time: the lowest. Prices add up.
"""
