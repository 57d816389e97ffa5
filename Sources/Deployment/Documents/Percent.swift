internal import JSON

/// A share from 0 to 100 percent in steps of a thousandth, so that every comparison with it is exact.
package struct Percent: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Thousandths of a percent: 0 to 100,000.
    package let thousandths: Int

    package static let all = Percent(checked: 100_000)

    private init(checked thousandths: Int) { self.thousandths = thousandths }

    /// Nil outside 0 to 100, or where the number is no multiple of 0.001.
    package init?(_ percent: Double) {
        guard (0...100).contains(percent) else { return nil }
        // The quotient is correctly rounded, so it equals exactly the doubles that such a decimal is read as.
        let thousandths = (percent * 1000).rounded()
        guard thousandths / 1000 == percent else { return nil }
        self.init(checked: Int(thousandths))
    }

    /// From `5`, `0.25` or `12.5%`.
    package init?(_ text: String) {
        let digits = text.hasSuffix("%") ? text.dropLast() : text[...]
        guard digits.utf8.count <= 7, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
            let number = Double(digits)
        else { return nil }
        self.init(number)
    }

    package var value: Double { Double(thousandths) / 1000 }

    package var description: String {
        let text = "\(value)"
        return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + " %"
    }

    package static func < (left: Self, right: Self) -> Bool { left.thousandths < right.thousandths }

    func json() throws(JSONError) -> JSONValue { .number(try JSONNumber(value)) }
}

extension JSONFields {
    func percent(_ name: String) throws -> Percent {
        guard let percent = Percent(try double(name, in: 0...100)) else {
            throw problem(name, "is no multiple of 0.001")
        }
        return percent
    }
}
