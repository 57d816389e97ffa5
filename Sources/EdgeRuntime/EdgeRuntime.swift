// EdgeRuntime: in the making.
