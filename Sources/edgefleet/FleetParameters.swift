import CommandLine
import Deployment
import Diagnostics
import FileSystem
import Fleet
import FleetProtocol
import Glibc
import WallClock

/// What several commands of edgefleet take, and what they read from it.
enum FleetParameters {
    static let data = Option.required(
        "data",
        .directory,
        environment: "EDGEFLEET_DATA",
        summary: "the fleet's folder"
    )
    static let json = Option.flag("json", summary: "print the result as JSON")
    static let device = Argument("DEVICE", deviceID, summary: "the device's id")
    static let reason = Option.required("reason", .text, summary: "why, for the record")

    static let deviceID = ValueType<DeviceID>(
        placeholder: "DEVICE",
        read: { (text: String) throws(InvalidValue) in
            guard text.utf8.count <= FleetLimits.deviceBytes, let device = DeviceID(text) else {
                throw InvalidValue(
                    text,
                    "is no device's id: 1 to \(FleetLimits.deviceBytes) letters, digits, '.', '_', ':' and '-'"
                )
            }
            return device
        },
        show: { $0.text }
    )

    static let endpointName = ValueType<EndpointName>(
        placeholder: "ENDPOINT",
        read: { (text: String) throws(InvalidValue) in
            guard let name = EndpointName(text) else {
                let rule = "1 to 64 lowercase letters, digits, '.', '_' and '-', with a letter or digit at both ends"
                throw InvalidValue(text, "is not \(rule)")
            }
            return name
        },
        show: { $0.text }
    )

    /// `NAME=VALUE`, as operators give them.
    static let label = ValueType<LabelSetting>(
        placeholder: "NAME=VALUE",
        sample: "site=oslo",
        read: { (text: String) throws(InvalidValue) in
            let setting = try LabelSetting(text)
            guard setting.value != nil else { throw InvalidValue(text, "is not NAME=VALUE") }
            return setting
        },
        show: { $0.text }
    )

    static var now: UTCTime { UTCTime(seconds: Int64(time(nil))) }

    static func folder(_ arguments: ParsedArguments) throws -> FleetFolder {
        FleetFolder(FileSystem.join(try FileSystem.resolve("."), arguments[data]))
    }

    /// The database of a fleet that is there.
    static func store(_ arguments: ParsedArguments) throws -> FleetStore {
        let folder = try folder(arguments)
        guard try folder.isThere else { throw NoFleet(path: folder.path) }
        return try FleetStore(folder: folder)
    }

    static func views(_ arguments: ParsedArguments) throws -> FleetViews { views(try store(arguments)) }

    static func views(_ store: FleetStore) -> FleetViews { FleetViews(store) { now } }

    /// Who is at work, for the audit: the login that a shell began with, whoever it has become since.
    static var actor: String {
        if geteuid() == 0, let before = getenv("SUDO_USER").map({ String(cString: $0) }), !before.isEmpty {
            return "operator:\(String(before.prefix(64)).printable())"
        }
        return "operator:\(loginName(of: getuid()) ?? "user-\(getuid())")"
    }

    private static func loginName(of user: uid_t) -> String? {
        var entry = passwd()
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        var found: UnsafeMutablePointer<passwd>?
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
        else { return nil }
        return String(cString: name).printable()
    }

    /// `NAME=VALUE` settings as one list; of one that is there twice the last counts.
    static func labels(_ settings: [LabelSetting]) -> [String: String] {
        var labels: [String: String] = [:]
        for setting in settings { labels[setting.name.text] = setting.value?.text }
        return labels
    }
}

/// A label that is set (`NAME=VALUE`) or taken away (`NAME-`).
struct LabelSetting: Hashable, Sendable {
    let name: LabelName
    /// Nil: taken away.
    let value: LabelValue?

    init(_ text: String) throws(InvalidValue) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let isRemoval = parts.count == 1 && text.hasSuffix("-")
        guard parts.count == 2 || isRemoval else {
            throw InvalidValue(text, "is neither NAME=VALUE nor NAME- (to take it away)")
        }
        guard let name = LabelName(String(isRemoval ? parts[0].dropLast() : parts[0])) else {
            let rule = "up to 63 lowercase letters, digits, '.', '_', '-' and '/', a letter or digit at both ends"
            throw InvalidValue(text, "names no label: \(rule)")
        }
        guard !name.isLocal else { throw InvalidValue(text, "is the box's own: local.* labels are set on the box") }
        self.name = name
        guard !isRemoval else {
            value = nil
            return
        }
        guard let value = LabelValue(String(parts[1])) else {
            throw InvalidValue(text, "has no value of a label: 1 to 128 letters, digits and ._:/+@-")
        }
        self.value = value
    }

    var text: String { value.map { "\(name)=\($0)" } ?? "\(name)-" }
}

/// A folder in which no fleet was ever begun.
struct NoFleet: ExplainedError {
    let path: String

    var message: String { "there is no fleet in \(path)" }
    var hint: String? { "`edgefleet serve --data \(path)` begins one; --data or EDGEFLEET_DATA says where it is" }
    var exitCode: ExitCode { .noInput }
}
