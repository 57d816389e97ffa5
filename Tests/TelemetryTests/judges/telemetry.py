"""Reads the telemetry that we write, and writes some for us, with opentelemetry-proto's own classes.

usage: telemetry.py read metrics|logs|metrics-response|logs-response FILE    prints the message as one JSON value
       telemetry.py write metrics|logs|metrics-response|logs-response FILE   makes one from such a JSON value on
                                                                             standard input
The JSON is protobuf's own, with names as in the .proto files and the numbers of enumerations; no field of ours is bytes
but `bytes_value`, which it has in base64.
"""

import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics

KINDS = {
    "metrics": metrics.ExportMetricsServiceRequest,
    "logs": logs.ExportLogsServiceRequest,
    "metrics-response": metrics.ExportMetricsServiceResponse,
    "logs-response": logs.ExportLogsServiceResponse,
}


def main():
    action, kind, path = sys.argv[1:]
    message = KINDS[kind]()
    if action == "read":
        with open(path, "rb") as file:
            message.ParseFromString(file.read())
        value = json_format.MessageToDict(message, use_integers_for_enums=True)
        json.dump(value, sys.stdout, ensure_ascii=False)
    else:
        json_format.ParseDict(json.load(sys.stdin), message, ignore_unknown_fields=True)
        with open(path, "wb") as file:
            file.write(message.SerializeToString())


main()
