"""Polling: a clock, a heap of due polls and a bounded pool of threads with hard deadlines."""

from service.runner.clockwork import Clockwork
from service.runner.outcome import COLLECT, REACH
from service.runner.runner import Runner, Sink

__all__ = ["COLLECT", "REACH", "Clockwork", "Runner", "Sink"]
