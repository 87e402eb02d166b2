"""Records of security management: policies, posts, staff, training, vendors, upkeep, plans and drills, as data with due dates. See docs/records.md."""
