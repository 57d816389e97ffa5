/// Makes the tree of one document from events, within limits, without recursion.
struct YAMLTreeBuilder {
    /// A value with what it costs to use it again through an alias.
    private struct Built {
        let node: YAMLNode
        /// Nodes in it, itself included, aliases expanded.
        let count: Int
        /// Collections inside each other, itself included.
        let height: Int
    }

    /// A sequence or mapping that has begun and not ended.
    private struct Open {
        let isMapping: Bool
        let anchor: String?
        let tag: String?
        let position: YAMLPosition
        var nodes: [YAMLNode] = []
        var entries: [YAMLEntry] = []
        var keys: [String: YAMLPosition] = [:]
        var pendingKey: (text: String, position: YAMLPosition)?
        var count = 1
        var height = 1
    }

    private let source: String
    private let limits: YAMLLimits
    private var open: [Open] = []
    private var anchors: [String: Built] = [:]
    private var total = 0

    init(source: String, limits: YAMLLimits) {
        self.source = source
        self.limits = limits
    }

    mutating func build(_ events: inout EventReader) throws(YAMLError) -> YAMLNode {
        var root: YAMLNode?
        while true {
            let event = try events.next()
            switch event.kind {
            case .end:
                let start = YAMLPosition(source: source, line: 1, column: 1)
                let nothing = YAMLNode.Content.scalar(YAMLScalar(text: "", style: .plain))
                return root ?? YAMLNode(content: nothing, tag: nil, position: start)
            case .documentStart:
                guard root == nil else { throw YAMLError.secondDocument(event.position) }
            default:
                if let finished = try take(event) { root = finished.node }
            }
        }
    }

    /// Takes one event; returns the value of the document when it is complete.
    private mutating func take(_ event: YAMLEvent) throws(YAMLError) -> Built? {
        switch event.kind {
        case .scalar(let scalar):
            try count(1, at: event.position)
            let node = YAMLNode(content: .scalar(scalar), tag: event.tag, position: event.position)
            return try place(Built(node: node, count: 1, height: 0), anchor: event.anchor, at: event.position)
        case .sequenceStart: return try begin(isMapping: false, event)
        case .mappingStart: return try begin(isMapping: true, event)
        case .collectionEnd:
            guard let finished = open.popLast() else { return nil }
            let content: YAMLNode.Content = finished.isMapping ? .mapping(finished.entries) : .sequence(finished.nodes)
            let node = YAMLNode(content: content, tag: finished.tag, position: finished.position)
            let built = Built(node: node, count: finished.count, height: finished.height)
            return try place(built, anchor: finished.anchor, at: finished.position)
        case .alias(let name):
            guard let built = anchors[name] else { throw YAMLError.unknownAnchor(event.position, name: name) }
            try count(built.count, at: event.position)
            try checkDepth(open.count + built.height, at: event.position)
            return try place(built, anchor: nil, at: event.position)
        case .start, .end, .documentStart, .other: return nil
        }
    }

    private mutating func begin(isMapping: Bool, _ event: YAMLEvent) throws(YAMLError) -> Built? {
        try count(1, at: event.position)
        try checkDepth(open.count + 1, at: event.position)
        if let parent = open.last, parent.isMapping, parent.pendingKey == nil {
            throw YAMLError.keyNotScalar(event.position)
        }
        open.append(Open(isMapping: isMapping, anchor: event.anchor, tag: event.tag, position: event.position))
        // A name that is defined again means the new value from here on, not the old one inside the new.
        if let anchor = event.anchor { anchors[anchor] = nil }
        return nil
    }

    /// Puts a finished value into the collection around it, or hands it back where there is none.
    private mutating func place(
        _ built: Built,
        anchor: String?,
        at position: YAMLPosition
    ) throws(YAMLError) -> Built? {
        if let anchor { anchors[anchor] = built }
        guard !open.isEmpty else { return built }
        let top = open.count - 1
        open[top].count += built.count
        open[top].height = max(open[top].height, built.height + 1)
        guard open[top].isMapping else {
            open[top].nodes.append(built.node)
            return nil
        }
        guard let key = open[top].pendingKey else {
            guard let scalar = built.node.scalar else { throw YAMLError.keyNotScalar(position) }
            if let first = open[top].keys.updateValue(position, forKey: scalar.text) {
                throw YAMLError.duplicateKey(position, key: scalar.text, first: first)
            }
            open[top].pendingKey = (scalar.text, position)
            return nil
        }
        open[top].entries.append(YAMLEntry(key: key.text, keyPosition: key.position, value: built.node))
        open[top].pendingKey = nil
        return nil
    }

    private mutating func count(_ nodes: Int, at position: YAMLPosition) throws(YAMLError) {
        total += nodes
        guard total <= limits.nodes else {
            throw YAMLError.limit(position, what: "more than \(limits.nodes) values, aliases counted in full")
        }
    }

    private func checkDepth(_ depth: Int, at position: YAMLPosition) throws(YAMLError) {
        guard depth <= limits.depth else {
            throw YAMLError.limit(position, what: "nested more than \(limits.depth) levels deep")
        }
    }
}
