package import Diagnostics
package import UnixSockets

/// Why the fleet's server can't start.
package enum FleetServerError: ExplainedError, Equatable {
    /// The authority's certificate is there, and the key that belongs to it is not.
    case keyMissing(path: String)
    /// The file holds no single certificate.
    case severalAuthorities(path: String)
    /// The dashboard asks nobody who they are, so it is for this machine alone.
    case notLoopback(address: String)
    /// Another process serves the folder.
    case isServed(path: String)
    /// Boxes come over TCP.
    case noDeviceAddress(address: String)
    /// The address that an option names can't be listened on.
    case cannotListen(ListenError, option: String)
    /// `--url` is none that boxes can use.
    case unusableURL(String, reason: String)
    /// A thread could not be started, with the `errno`.
    case noThread(code: Int32)

    package var message: String {
        switch self {
        case .keyMissing(let path): "the key of the fleet's authority is missing: \(path)"
        case .severalAuthorities(let path): "\(path) does not hold the one certificate of the fleet's authority"
        case .notLoopback(let address):
            "the dashboard asks nobody who they are, so it is not opened on \(address): only loopback addresses and "
                + "Unix sockets are taken"
        case .isServed(let path): "another edgefleet serves \(path) already"
        case .noDeviceAddress(let address): "boxes can't be served on \(address): give an address and a port"
        case .cannotListen(let problem, _): problem.message
        case .unusableURL(let text, let reason): "\(text.quotedName) is no address that boxes can use: \(reason)"
        case .noThread(let code): "a thread can't be started (error \(code))"
        }
    }

    package var hint: String? {
        switch self {
        case .keyMissing: "restore it from a backup; without it every box would have to be enrolled anew"
        case .severalAuthorities: "restore it from a backup"
        case .notLoopback:
            "listen on 127.0.0.1:7080, and come over `ssh -L 7080:127.0.0.1:7080 HOST` or through a reverse proxy that "
                + "asks for a login"
        case .isServed: "end that one first, or give this one another --data folder"
        case .noDeviceAddress: "such as --listen 0.0.0.0:7443"
        case .cannotListen(.addressInUse(.tcp), let option):
            "choose another port with \(option), or stop the program that listens there (ss -ltnp shows which)"
        case .cannotListen(.notPermitted(.tcp(_, let port)), let option) where port < 1024:
            "ports below 1024 are reserved: choose a higher one with \(option), or grant CAP_NET_BIND_SERVICE"
        case .cannotListen(let problem, _): problem.hint
        case .unusableURL: "such as --url https://fleet.example.com:7443"
        case .noThread: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .keyMissing: .noInput
        case .severalAuthorities: .dataError
        case .notLoopback, .noDeviceAddress, .unusableURL: .usage
        case .isServed: .tryAgain
        case .cannotListen(let problem, _): problem.exitCode
        case .noThread: .unavailable
        }
    }
}
