import CommandLine
import Diagnostics
import Registry

/// The public key of one who is to hold a role, as a command line names it: `ROLE=[NAME=]FILE.pub`.
struct RoleKeyFile: Sendable {
    let role: RegistryRole
    let file: PublicKeyFile

    /// Of the roles that every repository has.
    static let value = ValueType<RoleKeyFile>(
        placeholder: "ROLE=[NAME=]FILE.pub",
        read: { (text: String) throws(InvalidValue) in
            let (role, rest) = try splitRole(text, expected: "ROLE=FILE.pub or ROLE=NAME=FILE.pub")
            guard let file = PublicKeyFile(rest) else { throw InvalidValue(text, "names no file") }
            return RoleKeyFile(role: role, file: file)
        },
        show: { "\($0.role.text)=\($0.file.text)" }
    )
}

/// How many of a role's keys must sign: `ROLE=N`.
struct RoleThreshold: Sendable {
    let role: RegistryRole
    let count: Int

    static let value = ValueType<RoleThreshold>(
        placeholder: "ROLE=N",
        sample: "root=2",
        read: { (text: String) throws(InvalidValue) in
            let (role, rest) = try splitRole(text, expected: "ROLE=N")
            guard let count = Int(rest), (1...1_000).contains(count) else {
                throw InvalidValue(text, "names no number from 1 to 1000")
            }
            return RoleThreshold(role: role, count: count)
        },
        show: { "\($0.role.text)=\($0.count)" }
    )
}

private func splitRole(_ text: String, expected: String) throws(InvalidValue) -> (RegistryRole, String) {
    guard let split = text.firstIndex(of: "=") else { throw InvalidValue(text, "is not \(expected)") }
    let name = String(text[..<split])
    guard let role = RegistryRole(name), RegistryRole.all.contains(role) else {
        let names = RegistryRole.all.map(\.text)
        let nearest = NearestName.nearest(to: name, among: names)
        throw InvalidValue(text, "names none of the roles \(names.joined(separator: ", "))", nearest: nearest)
    }
    return (role, String(text[text.index(after: split)...]))
}
