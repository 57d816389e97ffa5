// BundleFormat: in the making.
