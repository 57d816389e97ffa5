// Packager: in the making.
