/// A value of a YAML document with the place where it starts.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// In the order of the document; no two keys are equal.
        case mapping([YAMLEntry])
    }

    package let content: Content
    /// The explicit tag, such as `!!str` in its long form `tag:yaml.org,2002:str`, or nil.
    package let tag: String?
    /// For what stands behind an alias: the place of the anchored value.
    package let position: YAMLPosition

    /// What it is, in words for messages.
    package var kind: String {
        switch content {
        case .scalar(let scalar): scalar.isNull(tag: tag) ? "nothing" : "'\(scalar.text.prefix(60))'"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// Whether it is `null`, `~` or nothing at all.
    package var isNull: Bool {
        if case .scalar(let scalar) = content { scalar.isNull(tag: tag) } else { false }
    }

    /// The entries of a mapping, or nil.
    package var mapping: [YAMLEntry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    /// The elements of a sequence, or nil.
    package var sequence: [YAMLNode]? {
        if case .sequence(let nodes) = content { nodes } else { nil }
    }

    /// The scalar, or nil.
    package var scalar: YAMLScalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }
}

/// A key and its value.
package struct YAMLEntry: Sendable {
    package let key: String
    package let keyPosition: YAMLPosition
    package let value: YAMLNode
}

/// The text of a scalar and how it was written.
package struct YAMLScalar: Sendable, Equatable {
    package enum Style: Sendable {
        /// Without quotes: its type comes from its text.
        case plain
        /// In quotes or as a block: a string whatever its text.
        case quoted
    }

    package let text: String
    package let style: Style
}

/// A place in a document, written `bundle.yaml:3:5`.
package struct YAMLPosition: Sendable, Equatable, CustomStringConvertible {
    /// The name of the file, as given by the caller.
    package let source: String
    /// From 1.
    package let line: Int
    /// From 1, in characters.
    package let column: Int

    package var description: String { "\(source):\(line):\(column)" }
}
