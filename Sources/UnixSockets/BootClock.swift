internal import CUnixSockets

/// Time since this machine was started, which nobody can set and which goes on while the machine is suspended.
package enum BootClock {
    /// CLOCK_BOOTTIME in milliseconds.
    package static var milliseconds: Int { Int(unix_boot_milliseconds()) }
}
