"""Configurations of network devices, pure: blocks, semantic difference, templates, change windows, who changed it, a plan to restore."""
