// Processes: in the making.
