// YAML: in the making.
