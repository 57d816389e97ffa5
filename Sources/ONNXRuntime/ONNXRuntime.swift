// ONNXRuntime: in the making.
