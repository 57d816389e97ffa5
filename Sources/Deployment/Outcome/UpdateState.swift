/// The states of an update, in the order of a good one; design section 3 names them.
package enum UpdateState: String, CaseIterable, Sendable {
    case idle = "Idle"
    case sync = "Sync"
    case preflight = "Preflight"
    case download = "Download"
    case verify = "Verify"
    case stage = "Stage"
    case probe = "Probe"
    case activate = "Activate"
    case observe = "Observe"
    case commit = "Commit"
    case rollback = "Rollback"
    case cleanup = "Cleanup"
    case failure = "Failure"
}
