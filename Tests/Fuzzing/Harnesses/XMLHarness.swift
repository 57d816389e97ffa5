internal import XML

extension FuzzHarness {
    static let xml = FuzzHarness("xml", "a small document, such as an object store answers", limitBytes: 4_096) {
        input in
        let limits = XMLLimits(bytes: 4_096, depth: 8, elements: 64)
        guard let root = try refusing(XMLError.self, { try XMLElement.parse(input, limits: limits) }) else { return }
        let size = size(of: root)
        try require(size.elements <= limits.elements, "\(size.elements) elements")
        try require(size.depth <= limits.depth, "\(size.depth) levels of elements")
        try require(size.text <= input.count, "more text than the document has bytes: something was expanded")
        let written = Array(text(of: root).utf8)
        try require(try XMLElement.parse(written) == root, "another element after writing and reading")
    }

    private static func size(of element: XMLElement) -> (elements: Int, depth: Int, text: Int) {
        element.children.map { size(of: $0) }.reduce((1, 1, element.text.utf8.count)) {
            ($0.0 + $1.elements, max($0.1, $1.depth + 1), $0.2 + $1.text)
        }
    }

    private static func text(of element: XMLElement) -> String {
        var text = "<\(element.name)>"
        for scalar in element.text.unicodeScalars {
            // By number: line ends would be changed, and some characters are markup.
            text += scalar.properties.isAlphabetic ? String(scalar) : "&#\(scalar.value);"
        }
        for child in element.children { text += self.text(of: child) }
        return text + "</\(element.name)>"
    }
}
