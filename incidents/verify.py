"""What a configuration must hold beside its form: names that exist, ids that stand once. Pure."""

from __future__ import annotations

from collections import Counter

from core.errors import ConfigError
from incidents.config import BY_ID, Configuration
from incidents.graph import Topology


def verify(config: Configuration, *, references: bool = True) -> list[str]:
    """Warnings about a configuration; raises ConfigError for what cannot be. ``references``: check names of people and receivers too."""
    for key in BY_ID:
        twice = [name for name, count in Counter(entry.id for entry in getattr(config, key)).items() if count > 1]
        if twice:
            raise ConfigError(f"id {twice[0]!r} stands twice", key=key)
    topology = Topology(config.assets)
    if unknown := topology.unknown():
        name, relation, target = unknown[0]
        raise ConfigError(f"asset {name!r}: {relation} names the unknown asset {target!r}", key="assets")
    if references:
        _references(config)
    return topology.warnings


def _references(config: Configuration) -> None:
    receivers = {receiver.id for receiver in config.receivers}
    for number, route in enumerate(config.routes):
        if missing := [name for name in route.to if name not in receivers]:
            raise ConfigError(f"there is no receiver {missing[0]!r}", key=f"routes.{number}.to")
    for receiver in config.receivers:
        if receiver.fallback and (receiver.fallback not in receivers or receiver.fallback == receiver.id):
            raise ConfigError(f"fallback names {receiver.fallback!r}, which is no other receiver", key=f"receivers.{receiver.id}.fallback")
    rotas = {rota.id for rota in config.rotas}
    for chain in config.chains:
        for step in chain.steps:
            if step.notify and step.notify.rota and step.notify.rota not in rotas:
                raise ConfigError(f"there is no rota {step.notify.rota!r}", key=f"chains.{chain.id}")
            if step.webhook and step.webhook not in receivers:
                raise ConfigError(f"there is no receiver {step.webhook!r}", key=f"chains.{chain.id}")
    idle = {person.id for person in config.people if not person.duty}
    for rota in config.rotas:
        if wrong := [name for name in (*rota.people, *(one for layer in rota.layers for one in layer.people)) if name in idle]:
            raise ConfigError(f"{wrong[0]} does no duty (duty: false) and cannot be on a rota", key=f"rotas.{rota.id}")
