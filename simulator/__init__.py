"""A bureau in a box: a declared estate that answers on loopback over the real protocols, with faults on request."""
