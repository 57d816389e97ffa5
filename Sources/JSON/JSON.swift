// JSON: in the making.
