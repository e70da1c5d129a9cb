"""Where photos come from: folders, archives, tables, dropped files, published sets. Never imports torch."""
