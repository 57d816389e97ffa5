/// How much YAML is read before it is refused; configuration files stay far below.
package struct YAMLLimits: Sendable {
    package var bytes: Int
    /// Sequences and mappings inside each other.
    package var depth: Int
    /// Nodes after aliases are expanded, so that a few lines of nested aliases can't become millions of values.
    package var nodes: Int

    package init(bytes: Int = 1 << 20, depth: Int = 64, nodes: Int = 100_000) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
    }
}
