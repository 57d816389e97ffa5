internal import Diagnostics
package import JSON

/// What a table of metadata says of one name.
package protocol MetadataTableEntry: Sendable, Equatable {
    /// - Parameter path: what errors call the value.
    init(_ value: CanonicalValue, path: String) throws(JSONError)
    var json: JSONValue { get }
}

/// An object of metadata with as many members as its writer likes: targets by their paths, files by their listed names.
///
/// Used as a dictionary. One that was read keeps the text and where its entries stand, and makes an entry when it is asked
/// for: strangers' metadata may have a hundred thousand, and a client wants one.
package struct MetadataTable<Entry: MetadataTableEntry>: Sendable {
    private enum Storage: Sendable {
        case text(CanonicalObject)
        // By exact text: two spellings of one letter are two names.
        case entries([ExactText: Entry])
    }

    private var storage: Storage

    package init() { storage = .entries([:]) }

    package init(_ entries: [String: Entry]) {
        self.init(exact: Dictionary(entries.map { (ExactText($0.key), $0.value) }) { first, _ in first })
    }

    private init(exact entries: [ExactText: Entry]) { storage = .entries(entries) }

    /// Every entry is read once, so that it is known to be as it should be.
    init(_ object: CanonicalObject, path: String) throws(JSONError) {
        for index in 0..<object.count {
            let (name, value) = object[index]
            _ = try Entry(value, path: "\(path).\(name)")
        }
        storage = .text(object)
    }

    package var count: Int {
        switch storage {
        case .text(let object): object.count
        case .entries(let entries): entries.count
        }
    }

    package var isEmpty: Bool { count == 0 }

    package subscript(name: String) -> Entry? {
        get {
            switch storage {
            case .text(let object): object[name].flatMap { try? Entry($0, path: name) }
            case .entries(let entries): entries[ExactText(name)]
            }
        }
        set {
            var entries = exact
            storage = .entries([:])
            entries[ExactText(name)] = newValue
            storage = .entries(entries)
        }
    }

    private var exact: [ExactText: Entry] {
        switch storage {
        case .text: Dictionary(map { (ExactText($0.key), $0.value) }) { first, _ in first }
        case .entries(let entries): entries
        }
    }

    package var keys: some Collection<String> {
        switch storage {
        case .text(let object): (0..<object.count).map { object[$0].name }
        case .entries(let entries): entries.keys.map(\.text)
        }
    }

    package func filter(_ isIncluded: ((key: String, value: Entry)) throws -> Bool) rethrows -> MetadataTable {
        MetadataTable(exact: try exact.filter { try isIncluded(($0.key.text, $0.value)) })
    }

    var json: JSONValue {
        // In the order of the names' bytes, which text has already.
        switch storage {
        case .text(let object): .object(object.json)
        case .entries(let entries):
            .object(JSONObject(entries.sorted { $0.key < $1.key }.map { ($0.key.text, $0.value.json) }))
        }
    }
}

extension MetadataTable: Sequence {
    package struct Iterator: IteratorProtocol {
        fileprivate let table: MetadataTable
        fileprivate var index = 0
        fileprivate var entries: Dictionary<ExactText, Entry>.Iterator?

        package mutating func next() -> (key: String, value: Entry)? {
            guard case .text(let object) = table.storage else { return entries?.next().map { ($0.key.text, $0.value) } }
            while index < object.count {
                let (name, value) = object[index]
                index += 1
                if let entry = try? Entry(value, path: name) { return (name, entry) }
            }
            return nil
        }
    }

    package func makeIterator() -> Iterator {
        if case .entries(let entries) = storage { return Iterator(table: self, entries: entries.makeIterator()) }
        return Iterator(table: self)
    }

    package var underestimatedCount: Int { count }
}

extension MetadataTable: Equatable {
    package static func == (left: MetadataTable, right: MetadataTable) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    }
}

extension MetadataTable: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, Entry)...) {
        self.init(Dictionary(elements) { _, last in last })
    }
}
