internal import HTTPServer

/// What a path asks for.
enum Route: UInt64, CaseIterable, Sendable {
    case root, score, metrics
    case live, ready, serverMetadata, modelMetadata, modelReady, infer
    /// What Triton has beside a model's metadata and we have not.
    case notServed
    /// A v2 path that names another model or version.
    case unknownModel
    case unknownV2
    case unknown

    /// Whether it is for predictions.
    var isScoring: Bool { self == .infer || self == .score }

    /// Which protocol's form an error takes: v2 answers `{"error": …}`, the Azure ML routes `{"message": …}`.
    var errorMember: String {
        switch self {
        case .root, .score, .metrics, .unknown: "message"
        default: "error"
        }
    }

    /// The label on metrics.
    var label: String {
        switch self {
        case .root: "root"
        case .score: "score"
        case .metrics: "metrics"
        case .live, .ready, .modelReady: "health"
        case .serverMetadata, .modelMetadata: "metadata"
        case .infer: "infer"
        case .notServed, .unknownModel, .unknownV2, .unknown: "unknown"
        }
    }

    /// The methods it takes, for `Allow`.
    var methods: String {
        switch self {
        case .infer: "POST"
        case .score: "GET, HEAD, OPTIONS, POST"
        default: "GET, HEAD"
        }
    }

    func accepts(_ method: HTTPMethod) -> Bool {
        switch self {
        case .infer: method == .post
        case .score: method == .post || method == .get || method == .options || method == .head
        default: method == .get || method == .head
        }
    }
}

/// The paths of one served model, looked up as whole strings.
struct RouteTable: Sendable {
    private var routes: [String: Route] = [
        "/": .root, "/score": .score, "/metrics": .metrics, "/v2": .serverMetadata, "/v2/": .serverMetadata,
        "/v2/health/live": .live, "/v2/health/ready": .ready,
    ]

    init(model: String, version: String) {
        for base in ["/v2/models/\(model)", "/v2/models/\(model)/versions/\(version)"] {
            routes[base] = .modelMetadata
            routes[base + "/ready"] = .modelReady
            routes[base + "/infer"] = .infer
            routes[base + "/config"] = .notServed
            routes[base + "/stats"] = .notServed
        }
    }

    func route(of path: String) -> Route {
        if let route = routes[path] { return route }
        if path.hasPrefix("/v2/models/") { return .unknownModel }
        return path.hasPrefix("/v2/") ? .unknownV2 : .unknown
    }
}
