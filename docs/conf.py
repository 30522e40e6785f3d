"""The site that `make docs` builds in build/site (Sphinx).

Its source is the repository as it stands, so a link between pages works on a code host and on the site, and a dead one stops the build.
A new page in docs/ is picked up by the patterns in docs/index.md.
"""

project = "neuromuscular-cds"
extensions = ["myst_parser"]
include_patterns = ["*.md", "bench/**.md", "deploy/**.md", "docs/**.md", "fhir_fixtures/**.md", "rules/*/README.md", "tests/*.md"]
root_doc = "docs/index"
myst_heading_anchors = 4  # spelled as code hosts spell them

html_theme = "furo"  # loads nothing from other hosts; tools/check_site.py looks
html_title = project
html_additional_pages = {"index": "to_docs.html"}
templates_path = ["site"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
