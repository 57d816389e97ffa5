import Glibc

/// Asks at the terminal for what nobody else may see.
enum SecretPrompt {
    /// Longer lines are no answer.
    private static let limitBytes = 4096

    /// One line that is typed and not shown; nil where this process has no terminal, or the one who sits there gives up
    /// with Ctrl-D. Ctrl-C ends the program as anywhere.
    ///
    /// It asks the terminal itself, so that standard input stays free for data.
    static func ask(_ question: String) -> [UInt8]? {
        let terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        var before = termios()
        guard tcgetattr(terminal, &before) == 0 else { return nil }
        var silent = before
        // Without signals from keys, so that nothing ends this process while its terminal shows nothing.
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        guard tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else { return nil }
        write(question, to: terminal)
        let answer = readLine(from: terminal)
        write("\n", to: terminal)
        _ = tcsetattr(terminal, TCSAFLUSH, &before)
        if case .interrupted = answer { raise(SIGINT) }
        if case .line(let bytes) = answer { return bytes }
        return nil
    }

    private enum Answer {
        case line([UInt8])
        case none
        case interrupted
    }

    private static func readLine(from terminal: Int32) -> Answer {
        var line: [UInt8] = []
        while line.count <= limitBytes {
            var byte: UInt8 = 0
            let count = read(terminal, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return .none }
            switch byte {
            case 0x0A, 0x0D: return .line(line)
            case 0x03, 0x1C: return .interrupted  // Ctrl-C, Ctrl-\
            case 0x04: return line.isEmpty ? .none : .line(line)  // Ctrl-D
            case 0x08, 0x7F: removeLastCharacter(of: &line)
            case 0x15: line = []  // Ctrl-U
            default: line.append(byte)
            }
        }
        return .none
    }

    private static func removeLastCharacter(of line: inout [UInt8]) {
        while let last = line.popLast(), last & 0xC0 == 0x80 {}
    }

    private static func write(_ text: String, to terminal: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(terminal, bytes, bytes.count)
    }
}
