"""What kernel comes out of an image? Streaming decompression into memory files."""
