"""A site's own vocabulary releases: read once, written as one index, loaded at start. Knows formats and no medicine."""
