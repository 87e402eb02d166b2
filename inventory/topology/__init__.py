"""How the network hangs together: from what devices say of their neighbours to links, places of machines, and a drawing. Pure."""
