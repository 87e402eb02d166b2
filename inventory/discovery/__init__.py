"""Discovery, the pure part: where may be searched, what was sighted, which device that is, and what to do with it."""
