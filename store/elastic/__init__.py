"""The store on Elasticsearch 8 and 9, with the embedded store as its queue."""

from store.elastic.store import open_elastic

__all__ = ["open_elastic"]
