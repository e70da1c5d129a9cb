"""Plain data to Plotly figures. Pure: no files, no browser, no theme: a page adds its colours.

Figures are plain dictionaries for a light page: building `plotly.graph_objects` several times a second would cost more
than all else. `layout.meta.dark_colors` says what a dark page puts in a colour's place.
"""
