"""The commands of ``wanglou``, one module for each subject; libraries are imported by the command that needs them."""
