/// An element of a small document: its name, its text, its elements.
package struct XMLElement: Sendable, Equatable {
    package let name: String
    package let text: String
    package let children: [XMLElement]
}
