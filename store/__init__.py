"""Where records and documents live: one set of protocols, an embedded and an Elasticsearch back end."""
