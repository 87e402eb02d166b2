"""Templates and mappings. Only types that every licence has; names of metrics and fields stay flat ("system.cpu.utilization").

Priority 501 lies above Elastic's own templates for ``logs-*-*`` and ``metrics-*-*`` (100 to 200) and above the 500 that their
documentation asks others to exceed.
"""

from __future__ import annotations

from typing import Any

from store.elastic.link import LENIENT, Link, Rejected
from store.elastic.names import Names
from store.tokenize import _SINGLE as SINGLE

Json = dict[str, Any]
PRIORITY = 501
FIELDS_LIMIT = 5000
KEYWORD: Json = {"type": "keyword", "ignore_above": 8191}
# A field is a keyword whatever came first, so that no later value can be refused; numbers can be compared in a second form.
NUMBER: Json = {**KEYWORD, "fields": {"as_number": {"type": "double", "ignore_malformed": True}}}
_KEPT_ONLY: Json = {"type": "keyword", "index": False, "doc_values": False}
# One token per word and per Chinese character, as store.tokenize does for the embedded store.
_ANALYSIS: Json = {
    "tokenizer": {"wanglou": {"type": "pattern", "group": 0, "pattern": rf"[0-9]+(?:\.[0-9]+)+|[{SINGLE}]|[\p{{L}}\p{{N}}_&&[^{SINGLE}]]+"}},
    "analyzer": {"wanglou": {"type": "custom", "tokenizer": "wanglou", "filter": ["lowercase"]}},
}

METRICS: Json = {
    "dynamic": True,
    "subobjects": False,
    "date_detection": False,
    "dynamic_templates": [{"values": {"path_match": "metrics.*", "mapping": {"type": "double"}}}],
    "properties": {
        "@timestamp": {"type": "date"},
        "asset.id": {"type": "keyword"},
        "labels": {"type": "flattened", "ignore_above": 8191},
        "labels_key": {"type": "keyword"},
        "names": {"type": "keyword"},
        "names_key": {"type": "keyword"},
    },
}
ROLLUPS: Json = {
    "dynamic": False,
    "subobjects": False,
    "properties": {
        "@timestamp": {"type": "date"},
        "asset.id": {"type": "keyword"},
        "labels": {"type": "flattened", "ignore_above": 8191},
        "labels_key": {"type": "keyword"},
        "metric": {"type": "keyword"},
        **{part: {"type": "double"} for part in ("n", "sum", "min", "max", "last")},
    },
}
EVENTS: Json = {
    "dynamic": True,
    "subobjects": False,
    "date_detection": False,
    "dynamic_templates": [
        {"whole": {"match_mapping_type": "long", "mapping": NUMBER}},
        {"fractions": {"match_mapping_type": "double", "mapping": NUMBER}},
        {"booleans": {"match_mapping_type": "boolean", "mapping": KEYWORD}},
        {"strings": {"match_mapping_type": "string", "mapping": KEYWORD}},
    ],
    "properties": {
        "@timestamp": {"type": "date"},
        "event.id": {"type": "keyword"},
        "event.kind": {"type": "keyword"},
        "asset.id": {"type": "keyword"},
        "message": {"type": "text", "analyzer": "wanglou", "fields": {"exact": {"type": "keyword", "ignore_above": 8191}}},
        "wanglou.original": _KEPT_ONLY,
    },
}
AUDIT: Json = {
    "dynamic": False,
    "subobjects": False,
    "properties": {
        "@timestamp": {"type": "date"},
        "chain": {"type": "keyword"},
        "seq": {"type": "long"},
        "actor": KEYWORD,
        "action": KEYWORD,
        "object": KEYWORD,
        "body": _KEPT_ONLY,
        "previous": _KEPT_ONLY,
        "hash": {"type": "keyword"},
    },
}
DOCUMENTS: Json = {
    "dynamic": False,
    "properties": {
        "kind": {"type": "keyword"},
        "doc_id": {"type": "keyword"},
        "changed": {"type": "date"},
        "write": {"type": "keyword"},
        "deleted": {"type": "boolean"},
        "terms": {"type": "flattened"},
        "body": {"type": "object", "enabled": False},
    },
}


def templates(names: Names, replicas: int) -> dict[str, Json]:
    """Index templates by name, without lifecycle; all share one component with the settings."""
    streams = {names.metrics: METRICS, names.rollups: ROLLUPS, names.events: EVENTS, names.audit: AUDIT}
    made: dict[str, Json] = {
        name: {
            "index_patterns": [name],
            "data_stream": {},
            "priority": PRIORITY,
            "composed_of": [names.component("settings")],
            "template": {"mappings": mapping},
        }
        for name, mapping in streams.items()
    }
    # A metric that cannot be indexed would be lost to every query: it is refused and becomes a dead letter. An event is kept, its message can be searched.
    made[names.metrics]["template"]["settings"] = {"index": {"mapping.total_fields.ignore_dynamic_beyond_limit": False}}
    made[names.documents] = {
        "index_patterns": [f"{names.documents}-v*"],
        "priority": PRIORITY,
        "template": {"settings": {"number_of_shards": 1, "number_of_replicas": replicas, "refresh_interval": "1s"}, "mappings": DOCUMENTS},
    }
    return made


def settings(replicas: int) -> Json:
    """The component template with the settings of every stream."""
    index = {
        "number_of_shards": 1,
        "number_of_replicas": replicas,
        "codec": "best_compression",
        "refresh_interval": "5s",
        "mapping.total_fields.limit": FIELDS_LIMIT,
        "mapping.total_fields.ignore_dynamic_beyond_limit": True,
        "analysis": _ANALYSIS,
    }
    return {"template": {"settings": {"index": index}}}


def apply(link: Link, names: Names, replicas: int) -> None:
    """Put the templates (again: harmless) and create the index of documents when it is missing."""
    link.call("PUT", f"/_component_template/{names.component('settings')}", settings(replicas))
    for name, template in templates(names, replicas).items():
        link.call("PUT", f"/_index_template/{name}", template)
    if not exists(link, names.documents):
        create_documents(link, names)


def create_documents(link: Link, names: Names) -> None:
    """The index behind the alias; another node may have been faster."""
    try:
        link.call("PUT", f"/{names.documents_index}", {"aliases": {names.documents: {"is_write_index": True}}})
    except Rejected as err:
        if err.kind != "resource_already_exists_exception":
            raise


def exists(link: Link, name: str) -> bool:
    """Whether an index, alias or stream of this name is there."""
    found = link.call("GET", f"/_resolve/index/{name}", params={**LENIENT, "expand_wildcards": "all"})
    return any(entry["name"] == name for entries in found.values() for entry in entries)
