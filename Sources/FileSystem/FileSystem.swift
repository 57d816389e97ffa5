// FileSystem: in the making.
