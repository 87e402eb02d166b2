"""Inspection rounds (巡检): templates, what telemetry already knows, what people see, the signature, the comparison with the last one."""
