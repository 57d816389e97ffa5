/// A target as Package.swift declares it.
struct PackageTarget: Equatable {
    enum Kind: Equatable {
        /// A module map over a library from Debian.
        case systemLibrary
        /// C of our own.
        case c
        case swift
        case executable
        /// Tests, and what only they use.
        case test
    }

    let name: String
    let kind: Kind
    let dependencies: [String]

    /// A module of C, which one Swift target wraps.
    var isC: Bool { kind == .systemLibrary || kind == .c }
}

/// Why Package.swift can't be read here. Its declarations are kept plain on purpose: what this can't read, teach it.
enum PackageManifestError: Error, Equatable {
    case expected(String, found: String)
    case unknownDeclaration(String)
    /// A package from outside, or a product of one.
    case outsidePackage(String)
}

/// The targets of Package.swift, from its text: `swift package dump-package` inside `swift test` waits for the lock
/// that `swift test` holds.
struct PackageManifest: Equatable {
    let targets: [PackageTarget]

    init(targets: [PackageTarget]) { self.targets = targets }

    init(source: String) throws {
        var parser = DeclarationParser(tokens: try SwiftTokenizer.tokens(of: source))
        let package = try parser.call(assignedTo: "package")
        guard package["dependencies"] == nil else {
            throw PackageManifestError.outsidePackage("the package has dependencies")
        }
        targets = try (package["targets"]?.list ?? []).map(PackageTarget.init)
        guard !targets.isEmpty else { throw PackageManifestError.expected("targets", found: "none") }
    }

    subscript(name: String) -> PackageTarget? { targets.first { $0.name == name } }

    /// All that is linked into `name`, itself included.
    func closure(of name: String) -> Set<String> {
        var found: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            guard found.insert(next).inserted else { continue }
            open += self[next]?.dependencies ?? []
        }
        return found
    }
}

extension PackageTarget {
    /// From a call such as `module("JSON", ["Diagnostics"])` or `.target(name: "CProcess")`.
    init(_ declaration: Declaration) throws {
        guard case .call(let function, let arguments) = declaration else {
            throw PackageManifestError.expected("a target", found: "\(declaration)")
        }
        let kind: Kind? =
            switch function {
            case "library", "systemLibrary": .systemLibrary
            case "target": .c
            case "module": .swift
            case "executable": .executable
            case "tests", "testSupport": .test
            default: nil
            }
        guard let kind else { throw PackageManifestError.unknownDeclaration(function) }
        let unlabelled = arguments.filter { $0.label == nil }.map(\.value)
        guard let name = (declaration["name"] ?? unlabelled.first)?.text else {
            throw PackageManifestError.expected("the name of a target", found: function)
        }
        let listed = declaration["dependencies"] ?? unlabelled.dropFirst().first
        let dependencies = try (listed?.list ?? []).map { dependency in
            guard let text = dependency.text else { throw PackageManifestError.outsidePackage("\(dependency)") }
            return text
        }
        self.init(name: name, kind: kind, dependencies: dependencies)
    }
}

/// A value in Package.swift.
indirect enum Declaration: Equatable {
    case text(String)
    case name(String)
    case list([Declaration])
    case call(String, [Argument])

    struct Argument: Equatable {
        let label: String?
        let value: Declaration
    }

    var text: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    var list: [Declaration]? {
        guard case .list(let elements) = self else { return nil }
        return elements
    }

    /// The argument with this label.
    subscript(label: String) -> Declaration? {
        guard case .call(_, let arguments) = self else { return nil }
        return arguments.first { $0.label == label }?.value
    }
}

/// Reads the calls, lists, strings and names that Package.swift is made of.
struct DeclarationParser {
    private var rest: ArraySlice<SwiftToken>

    init(tokens: [SwiftToken]) { rest = tokens[...] }

    /// The call that the constant `name` is assigned.
    mutating func call(assignedTo name: String) throws -> Declaration {
        while let token = rest.popFirst() {
            guard token == .word("let"), rest.first == .word(name), rest.dropFirst().first == .symbol("=") else {
                continue
            }
            rest = rest.dropFirst(2)
            return try value()
        }
        throw PackageManifestError.expected("let \(name) =", found: "the end")
    }

    private mutating func value() throws -> Declaration {
        if rest.first == .symbol(".") { rest.removeFirst() }
        switch rest.popFirst() {
        case .string(let text): return .text(text)
        case .symbol("["): return .list(try arguments(closing: "]").map(\.value))
        case .word(let word):
            guard rest.first == .symbol("(") else { return .name(word) }
            rest.removeFirst()
            return .call(word, try arguments(closing: ")"))
        case let token: throw expected("a value", token)
        }
    }

    private mutating func arguments(closing: Character) throws -> [Declaration.Argument] {
        var arguments: [Declaration.Argument] = []
        while rest.first != .symbol(closing) {
            var label: String?
            if case .word(let word) = rest.first, rest.dropFirst().first == .symbol(":") {
                label = word
                rest = rest.dropFirst(2)
            }
            arguments.append(Declaration.Argument(label: label, value: try value()))
            guard rest.first == .symbol(",") else { break }
            rest.removeFirst()
        }
        let token = rest.popFirst()
        guard token == .symbol(closing) else { throw expected("\(closing)", token) }
        return arguments
    }

    private func expected(_ what: String, _ token: SwiftToken?) -> PackageManifestError {
        .expected(what, found: token.map { "\($0)" } ?? "the end")
    }
}
