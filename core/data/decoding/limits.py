"""What a photo's file may have at most. Knows no format, so that whoever takes files in can ask."""

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MAX_DECODED = 2**30  # bytes in memory, of a photo with many bands
