import Glibc

/// The world a program runs in, as far as its command line is concerned: two streams and what is known about them.
package struct Console: Sendable {
    /// Where data goes.
    package let output: any ByteSink
    /// Where talk goes.
    package let notices: any ByteSink
    package let outputIsTerminal: Bool
    package let noticesIsTerminal: Bool
    /// Columns of the terminal.
    package let width: Int
    /// Looks up an environment variable.
    package let environment: @Sendable (String) -> String?
    /// Asks for a line that is not shown; nil where nobody is there to be asked.
    package let askSecret: @Sendable (String) -> [UInt8]?

    package init(
        output: any ByteSink,
        notices: any ByteSink,
        outputIsTerminal: Bool = false,
        noticesIsTerminal: Bool = false,
        width: Int = 80,
        environment: @escaping @Sendable (String) -> String? = { _ in nil },
        askSecret: @escaping @Sendable (String) -> [UInt8]? = { _ in nil }
    ) {
        self.output = output
        self.notices = notices
        self.outputIsTerminal = outputIsTerminal
        self.noticesIsTerminal = noticesIsTerminal
        self.width = width
        self.environment = environment
        self.askSecret = askSecret
    }

    /// The process's own standard output, standard error and environment.
    package static func ofProcess() -> Console {
        Console(
            output: DescriptorSink(STDOUT_FILENO, name: "standard output"),
            notices: DescriptorSink(STDERR_FILENO, name: "standard error"),
            outputIsTerminal: isatty(STDOUT_FILENO) == 1,
            noticesIsTerminal: isatty(STDERR_FILENO) == 1,
            width: terminalWidth(),
            environment: { name in getenv(name).map { String(cString: $0) } },
            askSecret: { SecretPrompt.ask($0) }
        )
    }

    private static func terminalWidth() -> Int {
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            var size = winsize()
            if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        }
        return 80
    }
}
