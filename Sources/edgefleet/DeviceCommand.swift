import CommandLine
import Deployment
import Diagnostics
import Fleet
import FleetProtocol
import JSON

/// `edgefleet device`.
enum DeviceCommand {
    static let command = Command(
        "device",
        summary: "look at one device, label it, or take it out of the fleet",
        subcommands: [DeviceShowCommand.command, label, revoke, decommission]
    )

    private static let settings = Argument.repeated(
        "LABEL",
        ValueType<LabelSetting>(
            placeholder: "NAME=VALUE|NAME-",
            read: { (text: String) throws(InvalidValue) in try LabelSetting(text) },
            show: { $0.text }
        ),
        minimum: 1,
        summary: "NAME=VALUE to set a label, NAME- to take it away"
    )

    private static let label = Command(
        "label",
        summary: "set labels of a device, or take them away",
        discussion: [
            "The device gets its labels with the answer to its next check-in; deployments select by them. What the box "
                + "says of itself stays, unless a label of the fleet has the same name."
        ],
        examples: [Example("Set one, take one away", "edgefleet device label box-1 site=oslo gpu- --data fleet")],
        arguments: [FleetParameters.device, settings],
        options: [FleetParameters.data, FleetParameters.json],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            let settings = arguments[settings]
            let labels = try FleetParameters.store(arguments).label(
                arguments[FleetParameters.device],
                set: FleetParameters.labels(settings.filter { $0.value != nil }),
                remove: settings.filter { $0.value == nil }.map(\.name.text),
                by: FleetParameters.actor,
                at: FleetParameters.now
            )
            if arguments[FleetParameters.json] {
                try Printing.json(["labels": .labels(labels)], terminal)
            } else {
                for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
                    try terminal.writeLine("\(name)=\(value)".printable())
                }
            }
            return .done
        }
    )

    private static let revoke = Command(
        "revoke",
        summary: "refuse everything a device says from now on",
        discussion: [
            "For a device that was stolen or has gone wrong: its certificates count no more, and no token lets it in again "
                + "until it is decommissioned. What it scores and what it runs goes on; only the fleet stops listening."
        ],
        examples: [Example("One that was stolen", "edgefleet device revoke box-1 --reason 'stolen' --data fleet")],
        arguments: [FleetParameters.device],
        options: [FleetParameters.reason, FleetParameters.data],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            let device = arguments[FleetParameters.device]
            try FleetParameters.store(arguments).revoke(
                device,
                reason: arguments[FleetParameters.reason],
                by: FleetParameters.actor,
                at: FleetParameters.now
            )
            terminal.notice("\(device) is revoked; `edgefleet device decommission` frees its id")
            return .done
        }
    )

    private static let decommission = Command(
        "decommission",
        summary: "take a device out of the fleet, and free its id",
        discussion: [
            "Its certificates count no more, and it is counted no more. What is known of it stays, and another box, or the "
                + "same after a new installation, may enrol under its id."
        ],
        examples: [
            Example("One that was replaced", "edgefleet device decommission box-1 --reason 'replaced' --data fleet")
        ],
        arguments: [FleetParameters.device],
        options: [FleetParameters.reason, FleetParameters.data],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            let device = arguments[FleetParameters.device]
            try FleetParameters.store(arguments).decommission(
                device,
                reason: arguments[FleetParameters.reason],
                by: FleetParameters.actor,
                at: FleetParameters.now
            )
            terminal.notice("\(device) is no part of the fleet any more")
            return .done
        }
    )
}
