/// An element of a small document: its name, its text, its elements. Attributes, comments and instructions are left out.
package struct XMLElement: Sendable, Equatable {
    /// As it is written, with a prefix where it has one.
    package let name: String
    /// All text directly in it, what stands between its elements too.
    package let text: String
    package let children: [XMLElement]

    package init(name: String, text: String = "", children: [XMLElement] = []) {
        self.name = name
        self.text = text
        self.children = children
    }

    /// The first element of a name directly in this one.
    package subscript(name: String) -> XMLElement? { children.first { $0.name == name } }

    /// All elements of a name directly in this one.
    package func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
}
