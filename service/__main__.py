"""``python -m service``: the same as the command ``wanglou``."""

from service.cli import main

main()
