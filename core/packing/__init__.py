"""Making a data set's version of photos: read, decoded, kept, compared, and divided among the sides. Never torch."""
