import JSON

extension JSONValue {
    /// The member deep in objects.
    func at(_ path: String...) -> JSONValue? { path.reduce(self) { $0?[$1] } }

    /// Sets a member deep in objects, or removes it by nil.
    mutating func set(_ value: JSONValue?, _ path: String...) { set(value, path[...]) }

    private mutating func set(_ value: JSONValue?, _ path: ArraySlice<String>) {
        guard let name = path.first, var object = objectValue else { return }
        if path.count == 1 {
            object[name] = value
        } else {
            var inner = object[name] ?? [:]
            inner.set(value, path.dropFirst())
            object[name] = inner
        }
        self = .object(object)
    }

    /// Adds to the array that a member is; a missing one begins empty.
    mutating func append(_ value: JSONValue, to name: String) {
        set(.array((self[name]?.arrayValue ?? []) + [value]), name)
    }
}
