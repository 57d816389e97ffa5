// BundleManifest: in the making.
