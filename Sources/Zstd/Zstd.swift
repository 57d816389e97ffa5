// Zstd: in the making.
